"""Tokens: whom they let in, and what each bad one is told."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import jwt
import pytest

from signaling_service.auth.identity import BadCredentialsError, Identity, Role
from signaling_service.auth.keys import Key, parse
from signaling_service.auth.tokens import LAST_TIME, LEEWAY, TokenVerifier
from signaling_service.core.model import Device
from tests.clock import ManualClock
from tests.tokens import ALGORITHMS, AUDIENCE, ISSUER, Issuer, jwks

NOW = 1_800_000_000.0


class Keys:
    """Keys that are there."""

    def __init__(self, *issuers: Issuer) -> None:
        self._keys = parse(jwks(*issuers).encode())

    async def start(self) -> None:
        """There is nothing to begin."""

    async def find(self, kid: str | None) -> Sequence[Key]:
        """The keys by their name."""
        return [key for key in self._keys if kid in (None, key.kid)]


@pytest.fixture
def issuer() -> Issuer:
    return Issuer(now=NOW)


def verifier(*issuers: Issuer, now: float = NOW) -> TokenVerifier:
    clock = ManualClock()
    clock.advance(now - clock.now())
    return TokenVerifier(Keys(*issuers), ISSUER, AUDIENCE, clock)


async def refused(token: str, *issuers: Issuer, now: float = NOW) -> BadCredentialsError:
    """What is said of a token that lets nobody in."""
    with pytest.raises(BadCredentialsError) as bad:
        await verifier(*issuers, now=now).verify(token)
    return bad.value


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_good_token(algorithm: str) -> None:
    """A device comes in with a token of any of the algorithms."""
    issuer = Issuer(algorithm, now=NOW)

    found = await verifier(issuer).verify(issuer.token("alice", "phone"))

    assert found == Identity(Device("alice", "phone"), Role.DEVICE, NOW, NOW + 3600)


async def test_service_token(issuer: Issuer) -> None:
    """A service needs no device_id."""
    token = issuer.token("push", "ignored", role="service", device_id=None)

    found = await verifier(issuer).verify(token)

    assert (found.device, found.role) == (Device("push", ""), Role.SERVICE)


async def test_token_without_kid() -> None:
    """Whichever of the keys has signed it."""
    old, new = Issuer(kid="old", now=NOW), Issuer(kid="new", now=NOW)
    token = new.token("alice", "phone", headers={"kid": "new"})
    new.kid = None
    bare = new.token("alice", "phone")
    new.kid = "new"

    for each in (token, bare):
        assert (await verifier(old, new).verify(each)).device == ("alice", "phone")


@pytest.mark.parametrize("aud", [AUDIENCE, [AUDIENCE], ["other", AUDIENCE]])
async def test_audience(issuer: Issuer, aud: Any) -> None:
    """One, or several (RFC 7519 §4.1.3)."""
    assert await verifier(issuer).verify(issuer.token("alice", "phone", aud=aud))


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "application/at+jwt"])
async def test_type(issuer: Issuer, typ: str) -> None:
    """A token, or an access token as RFC 9068 writes them."""
    assert await verifier(issuer).verify(issuer.token("alice", "phone", headers={"typ": typ}))


@pytest.mark.parametrize("at", [LEEWAY - 0.5, 0, -3600])
async def test_clocks_differ(issuer: Issuer, at: float) -> None:
    """By up to half a minute."""
    token = issuer.token("alice", "phone", exp=NOW, nbf=NOW, iat=NOW - 7200)
    early = issuer.token("alice", "phone", iat=NOW + LEEWAY - 1, nbf=NOW + LEEWAY - 1)

    if at >= 0:
        assert await verifier(issuer, now=NOW + at).verify(token)
    assert await verifier(issuer).verify(early)


CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "iss missing": ({"iss": None}, "token: iss is not the issuer of this service"),
    "iss wrong": ({"iss": "https://evil.example"}, "token: iss is not the issuer of this service"),
    "iss a list": ({"iss": [ISSUER]}, "token: iss is not the issuer of this service"),
    "aud missing": ({"aud": None}, "token: aud is not this service"),
    "aud wrong": ({"aud": "billing"}, "token: aud is not this service"),
    "aud an object": ({"aud": {AUDIENCE: 1}}, "token: aud is not this service"),
    "exp missing": ({"exp": None}, "token: exp is missing, or no time"),
    "exp over": ({"exp": NOW - LEEWAY}, "token: exp is over"),
    "exp a word": ({"exp": "abc"}, "token: exp is missing, or no time"),
    "exp a number in quotes": ({"exp": "1800003600"}, "token: exp is missing, or no time"),
    "exp true": ({"exp": True}, "token: exp is missing, or no time"),
    "exp huge": ({"exp": 1e308}, "token: exp is missing, or no time"),
    "exp infinite": ({"exp": float("inf")}, "token: exp is missing, or no time"),
    "exp no number": ({"exp": float("nan")}, "token: exp is missing, or no time"),
    "exp negative": ({"exp": -1}, "token: exp is missing, or no time"),
    "exp beyond the calendar": ({"exp": LAST_TIME + 1}, "token: exp is missing, or no time"),
    "iat missing": ({"iat": None}, "token: iat is missing, or no time"),
    "iat ahead": ({"iat": NOW + LEEWAY + 1}, "token: iat is ahead"),
    "nbf ahead": ({"nbf": NOW + LEEWAY + 1}, "token: nbf is ahead"),
    "nbf a word": ({"nbf": "soon"}, "token: nbf is missing, or no time"),
    "sub missing": ({"sub": None}, "token: sub is missing, or no id"),
    "sub a number": ({"sub": 7}, "token: sub is missing, or no id"),
    "sub with a space": ({"sub": "alice smith"}, "token: sub is missing, or no id"),
    "device_id missing": ({"device_id": None}, "token: device_id is missing, or no id"),
    "device_id long": ({"device_id": "x" * 129}, "token: device_id is missing, or no id"),
    "role unknown": ({"role": "admin"}, "token: role is neither device nor service"),
    "role a list": ({"role": ["service"]}, "token: role is neither device nor service"),
}


@pytest.mark.parametrize(("changes", "text"), CLAIMS.values(), ids=CLAIMS.keys())
async def test_bad_claims(issuer: Issuer, changes: dict[str, Any], text: str) -> None:
    """Each is named; an honest mistake is no forgery."""
    bad = await refused(issuer.token("alice", "phone", **changes), issuer)

    assert (str(bad), bad.is_forged) == (text, False)


HEADERS: dict[str, tuple[dict[str, Any], str]] = {
    "typ wrong": ({"typ": "dpop+jwt"}, "token: typ is not JWT"),
    "typ a number": ({"typ": 1}, "token: typ is not JWT"),
    "crit": ({"crit": ["exp"], "exp": 1}, "token: crit names what this service does not know"),
}


@pytest.mark.parametrize(("headers", "text"), HEADERS.values(), ids=HEADERS.keys())
async def test_bad_header(issuer: Issuer, headers: dict[str, Any], text: str) -> None:
    """What this service does not know is not passed over."""
    assert str(await refused(issuer.token("alice", "phone", headers=headers), issuer)) == text


def segment(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def test_alg_none(issuer: Issuer) -> None:
    """A token that nobody has signed."""
    body = segment(issuer.claims("alice", "phone"))
    for alg in ("none", "None", "", None, ["EdDSA"]):
        bad = await refused(f"{segment({'alg': alg})}.{body}.", issuer)
        assert bad.is_forged


async def test_signed_with_the_public_key() -> None:
    """HMAC with what everybody knows: the algorithm is the key's, never the token's."""
    issuer = Issuer("RS256", now=NOW)
    claims = issuer.claims("alice", "phone")
    with pytest.raises(jwt.InvalidKeyError):  # the library would not even sign it
        jwt.encode(claims, issuer.pem, algorithm="HS256")
    token = f"{segment({'alg': 'HS256', 'kid': 'key-1'})}.{segment(claims)}.{segment(b'x' * 32)}"

    bad = await refused(token, issuer)

    assert (str(bad), bad.is_forged) == ("token: alg is none of EdDSA, ES256, RS256", True)


async def test_another_algorithm_than_the_key(issuer: Issuer) -> None:
    """A key is for one algorithm."""
    other = Issuer("ES256", now=NOW)

    bad = await refused(other.token("alice", "phone"), issuer)

    assert (str(bad), bad.is_forged) == ("token: its key is not known", True)


async def test_somebody_elses_key(issuer: Issuer) -> None:
    """The right name, and a wrong signature; or a name that nobody knows."""
    forged = Issuer(now=NOW).token("alice", "phone")
    unknown = Issuer(kid="key-2", now=NOW).token("alice", "phone")

    for token, text in (
        (forged, "token: its signature is wrong"),
        (unknown, "token: its key is not known"),
    ):
        bad = await refused(token, issuer)
        assert (str(bad), bad.is_forged) == (text, True)


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "é.é.é",
        "\ud800",
        segment([]) + "..",
        segment(b"\xff") + "..",
        "[" * 5000,
        segment(b"[" * 5000) + "..",
        segment({"alg": "EdDSA", "kid": 7}) + "..",
    ],
)
async def test_no_token_at_all(issuer: Issuer, token: str) -> None:
    """Whatever it is, it gets an answer and no more."""
    assert str(await refused(token, issuer)) == "token: is not a JWT"


@pytest.mark.parametrize("payload", [b"", b"[]", b"7", b"{", b"\xff", b"[" * 3000])
async def test_no_claims(issuer: Issuer, payload: bytes) -> None:
    """Signed, and nonsense."""
    token = jwt.api_jws.encode(payload, issuer.key, "EdDSA", headers={"kid": issuer.kid})

    assert str(await refused(token, issuer)) == "token: is not a JWT"
