"""Bearer tokens: JWT (RFC 7519) as signed by the operator's own issuer.

What a token says of itself chooses nothing: its algorithm is its key's.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from jwt.api_jws import PyJWS
from jwt.exceptions import PyJWTError
from jwt.utils import base64url_decode

from signaling_service.auth.identity import BadCredentialsError, Identity, Role
from signaling_service.auth.keys import Key, KeySource
from signaling_service.clock import Clock
from signaling_service.core.model import Device
from signaling_service.core.requests import is_valid_id

LEEWAY: Final = 30.0  # s; clocks differ
LAST_TIME: Final = 253_402_300_799  # the end of year 9999, the last that a timestamp can say
TYPES: Final = (None, "JWT", "AT+JWT", "APPLICATION/AT+JWT")  # RFC 7519 §5.1, RFC 9068 §2.1
ALGORITHMS: Final = ("EdDSA", "ES256", "RS256")

_JWS: Final = PyJWS(algorithms=ALGORITHMS)
_MALFORMED: Final = "token: is not a JWT"


class TokenVerifier:
    """Tells who a token is from.

    Args:
        keys: of the issuer.
        issuer: what `iss` has to be.
        audience: what `aud` has to be, or to have in it.
        clock: what time it is.
    """

    def __init__(self, keys: KeySource, issuer: str, audience: str, clock: Clock) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._clock = clock

    async def start(self) -> None:
        """Begin, before the first token."""
        await self._keys.start()

    async def verify(self, token: str) -> Identity:
        """The identity that a token stands for.

        Raises:
            BadCredentialsError: it is not good.
            KeysAwayError: nobody can tell.
        """
        header = _header(token)
        kid = header.get("kid")
        if header.get("alg") not in ALGORITHMS:
            raise BadCredentialsError("token: alg is none of EdDSA, ES256, RS256", is_forged=True)
        keys = [key for key in await self._keys.find(kid) if key.algorithm == header["alg"]]
        if not keys:
            raise BadCredentialsError("token: its key is not known", is_forged=True)
        claims = _claims(token, keys)
        self._check(claims)
        return _identity(claims)

    def _check(self, claims: Mapping[str, Any]) -> None:
        """Check what a token says of itself (RFC 7519 §4.1)."""
        now = self._clock.now()
        if claims.get("iss") != self._issuer:
            raise BadCredentialsError("token: iss is not the issuer of this service")
        audiences = claims.get("aud")
        if self._audience not in (audiences if isinstance(audiences, list) else [audiences]):
            raise BadCredentialsError("token: aud is not this service")
        if _time(claims, "exp") + LEEWAY <= now:
            raise BadCredentialsError("token: exp is over")
        if _time(claims, "iat") - LEEWAY > now:
            raise BadCredentialsError("token: iat is ahead")
        if "nbf" in claims and _time(claims, "nbf") - LEEWAY > now:
            raise BadCredentialsError("token: nbf is ahead")


def _header(token: str) -> Mapping[str, Any]:
    """What a token says of its signature, before that is checked."""
    try:
        header = json.loads(base64url_decode(token.partition(".")[0]))
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or not isinstance(header.get("kid"), str | None):
        raise BadCredentialsError(_MALFORMED, is_forged=True)
    if "crit" in header or "b64" in header:
        raise BadCredentialsError("token: crit names what this service does not know")
    kind = header.get("typ")
    if (kind.upper() if isinstance(kind, str) else kind) not in TYPES:
        raise BadCredentialsError("token: typ is not JWT")
    return header


def _claims(token: str, keys: list[Key]) -> Mapping[str, Any]:
    for key in keys:
        try:
            payload = _JWS.decode(token, key.key, algorithms=[key.algorithm])
        except (PyJWTError, UnicodeError):
            continue
        return _parse(payload)
    raise BadCredentialsError("token: its signature is wrong", is_forged=True)


def _parse(payload: bytes) -> Mapping[str, Any]:
    try:
        claims = json.loads(payload)
    except (ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        raise BadCredentialsError(_MALFORMED)
    return claims


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= LAST_TIME:
        raise BadCredentialsError(f"token: {name} is missing, or no time")
    return float(value)


def _identity(claims: Mapping[str, Any]) -> Identity:
    try:
        role = Role(claims.get("role", Role.DEVICE))
    except ValueError:
        raise BadCredentialsError("token: role is neither device nor service") from None
    device_id = "" if role is Role.SERVICE else _id(claims, "device_id")
    device = Device(_id(claims, "sub"), device_id)
    return Identity(device, role, _time(claims, "iat"), _time(claims, "exp"))


def _id(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not is_valid_id(value):
        raise BadCredentialsError(f"token: {name} is missing, or no id")
    return value
