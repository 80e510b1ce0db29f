"""Any bytes as credentials: who it is, or a fixed text why not.

The first byte says what the others are: metadata as it comes, a token, the header or the
claims of a token that is signed with the right key, or what only development believes.
"""

import base64
import json
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from signaling_service.auth.address import origin
from signaling_service.auth.authenticator import Authenticator, Visitor
from signaling_service.auth.dev import Metadata
from signaling_service.auth.identity import BadCredentialsError, Identity, Role
from signaling_service.auth.keys import Key, matching
from signaling_service.auth.throttle import Throttle
from signaling_service.auth.tokens import TokenVerifier
from signaling_service.core.buckets import Rate
from signaling_service.core.requests import is_valid_id
from tests.clock import ManualClock
from tests.tokens import AUDIENCE, ISSUER

NOW: Final = 1_000_000.0
FORMS: Final = ("value", "token", "header", "claims", "dev", "forwarded")
HEADER: Final = b'{"alg":"EdDSA","kid":"key-1"}'
CLAIMS: Final = json.dumps(
    {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "alice",
        "device_id": "phone",
        "iat": NOW,
        "exp": NOW + 60,
    }
).encode()
# how each of the texts begins that somebody who is not let in may read
TEXTS: Final = ("token: ", "authorization: ", "role: ", "user-id and ", "this service ")

_PRIVATE: Final = Ed25519PrivateKey.from_private_bytes(bytes(32))


class Keys:
    """One key, which everybody may have."""

    async def start(self) -> None:
        """See `KeySource`."""

    async def find(self, kid: str | None) -> Sequence[Key]:
        """See `KeySource`."""
        return matching([Key("key-1", "EdDSA", _PRIVATE.public_key())], kid)


async def _endless(_bucket: str, _rate: Rate, _least: float) -> float:
    return 1.0


CLOCK: Final = ManualClock(NOW)
TOKENS: Final = TokenVerifier(Keys(), ISSUER, AUDIENCE, CLOCK)
THROTTLE: Final = Throttle(_endless, CLOCK)
DOOR: Final = Authenticator(TOKENS, THROTTLE)
DEV_DOOR: Final = Authenticator(None, THROTTLE)


def door(data: bytes) -> None:
    """Come with these credentials; whoever is let in is somebody."""
    form, rest = FORMS[data[0] % len(FORMS)] if data else "value", data[1:]
    text = rest.decode("latin-1")
    match form:
        case "value":
            enter(DOOR, [("authorization", text)])
        case "token":
            enter(DOOR, bearer(text))
        case "header":
            enter(DOOR, bearer(signed(rest, CLAIMS)))
        case "claims":
            identity = enter(DOOR, bearer(signed(HEADER, rest)))
            assert identity is None or identity.device.user_id == json.loads(rest)["sub"]
        case "dev":
            names = ("user-id", "device-id", "role")
            enter(DEV_DOOR, list(zip(names, text.split("\n"), strict=False)))
        case _:
            peer, *forwarded = text.split("\n")
            origin(peer, forwarded, [])


def enter(at: Authenticator, metadata: Metadata) -> Identity | None:
    """Who is let in, if anybody is."""
    try:
        identity = _result(at.identify(Visitor(metadata, "ipv4:192.0.2.1:5")))
    except BadCredentialsError as bad:
        check_text(str(bad))
        return None
    assert is_valid_id(identity.device.user_id)
    assert is_valid_id(identity.device.device_id) or identity.role is Role.SERVICE
    return identity


def check_text(text: str) -> None:
    """It is one of ours, with nothing of what somebody brought."""
    assert text.startswith(TEXTS)
    assert text.isprintable()


def bearer(token: str) -> Metadata:
    """The request metadata with a token."""
    return [("authorization", f"Bearer {token}")]


def signed(header: bytes, claims: bytes) -> str:
    """A token with a good signature, whatever it says."""
    text = b".".join(_base64(part) for part in (header, claims))
    return (text + b"." + _base64(_PRIVATE.sign(text))).decode()


def seeds() -> Mapping[str, bytes]:
    """Credentials of every form that are good, and some that look so."""
    as_service = CLAIMS.replace(b'"device_id"', b'"role": "service", "device_id"')
    good = {
        "value": b"Bearer a.b.c",
        "token": signed(HEADER, CLAIMS).encode(),
        "header": HEADER,
        "claims": CLAIMS,
        "dev": b"alice\nphone\nservice",
        "forwarded": b"ipv6:%5B::1%5D:5\n192.0.2.1, ::ffff:192.0.2.2\n2001:db8::1",
    }
    forms = {f"seed-{form}": bytes([FORMS.index(form)]) + data for form, data in good.items()}
    critical = b'{"alg":"ES256","typ":"at+jwt","crit":["b64"],"b64":false,"kid":null}'
    return forms | {"seed-service": b"\x03" + as_service, "seed-critical": b"\x02" + critical}


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _result(coroutine: Coroutine[Any, Any, Identity]) -> Identity:
    """The result of a coroutine that has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        identity: Identity = stop.value
        return identity
    raise AssertionError("nobody waits at this door")
