"""Tokens as the service wants them: who a device is, for whom, and for how long (RFC 7519)."""

from typing import NamedTuple

import jwt

from signaling_service.issuing.keys import SigningKey


class Bearer(NamedTuple):
    """Who a token speaks for; a service has no device."""

    user_id: str
    device_id: str | None
    role: str = "device"


class Terms(NamedTuple):
    """Under which conditions: who gave it, to be shown to whom, for so many seconds."""

    issuer: str
    audience: str
    lifetime: float


def token(key: SigningKey, bearer: Bearer, terms: Terms, now: float) -> str:
    """A signed token for `bearer`; `now` is in seconds since the epoch."""
    claims = {
        "iss": terms.issuer,
        "aud": terms.audience,
        "sub": bearer.user_id,
        **({} if bearer.device_id is None else {"device_id": bearer.device_id}),
        "role": bearer.role,
        "iat": int(now),
        "exp": int(now + terms.lifetime),
    }
    return jwt.encode(claims, key.key, algorithm=key.algorithm, headers={"kid": key.kid})
