"""Credentials that let nobody in."""

import base64
import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from grpc import StatusCode

from tests.bad_inputs.case import Case, Ended, Metadata
from tests.tokens import Issuer, bearer

Tokens = Callable[[Issuer], Metadata]


def _segment(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unsigned(header: Mapping[str, Any], signature: bytes, issuer: Issuer) -> Metadata:
    body = _segment(issuer.claims("mallory", "phone"))
    return bearer(f"{_segment(header)}.{body}.{_segment(signature)}")


def _changed(changes: Mapping[str, Any], issuer: Issuer) -> Metadata:
    """A token with other claims."""
    return issuer.bearer("mallory", "phone", **changes)


def _ahead(issuer: Issuer) -> Metadata:
    return issuer.bearer("mallory", "phone", nbf=(issuer.now or 0) + 60)


def _over(issuer: Issuer) -> Metadata:
    return issuer.bearer("mallory", "phone", exp=(issuer.now or 0) - 30)


def _twice(issuer: Issuer) -> Metadata:
    return issuer.bearer("mallory", "phone") + issuer.bearer("mallory", "phone")


def _forged(issuer: Issuer) -> Metadata:
    return Issuer(now=issuer.now).bearer("mallory", "phone")


def _nobody(_issuer: Issuer) -> Metadata:
    return (("user-id", "mallory"), ("device-id", "phone"))


_CLAIMS: Final[Mapping[str, tuple[Mapping[str, Any], str]]] = {
    "no aud": ({"aud": None}, "aud is not this service"),
    "wrong aud": ({"aud": "billing"}, "aud is not this service"),
    "no iss": ({"iss": None}, "iss is not the issuer of this service"),
    "wrong iss": ({"iss": "https://evil.example"}, "iss is not the issuer of this service"),
    "no exp": ({"exp": None}, "exp is missing, or no time"),
    "exp a word": ({"exp": "abc"}, "exp is missing, or no time"),
    "exp 1e308": ({"exp": 1e308}, "exp is missing, or no time"),
    "exp infinite": ({"exp": float("inf")}, "exp is missing, or no time"),
    "no iat": ({"iat": None}, "iat is missing, or no time"),
    "no sub": ({"sub": None}, "sub is missing, or no id"),
    "sub with a zero-width space": ({"sub": "ali\u200bce"}, "sub is missing, or no id"),
    "no device_id": ({"device_id": None}, "device_id is missing, or no id"),
    "unknown role": ({"role": "admin"}, "role is neither device nor service"),
    "unknown crit": ({"headers": {"crit": ["x"]}}, "crit names what this service does not know"),
    "wrong typ": ({"headers": {"typ": "dpop+jwt"}}, "typ is not JWT"),
}
_ALG: Final = "token: alg is none of EdDSA, ES256, RS256"
_NO_TOKEN: Final = "authorization: one bearer token is needed"  # noqa: S105 - not one
_OTHERS: Final[Mapping[str, tuple[Tokens, str]]] = {
    "no token": (_nobody, _NO_TOKEN),
    "two tokens": (_twice, _NO_TOKEN),
    "alg none": (partial(_unsigned, {"alg": "none"}, b""), _ALG),
    "HS256": (partial(_unsigned, {"alg": "HS256", "kid": "key-1"}, b"x" * 32), _ALG),
    "another's signature": (_forged, "token: its signature is wrong"),
    "exp over": (_over, "token: exp is over"),
    "nbf ahead": (_ahead, "token: nbf is ahead"),
    "no JWT": (lambda _: bearer("nonsense"), "token: is not a JWT"),
}


def _refused(tokens: Tokens, text: str) -> Case:
    return Ended(status=StatusCode.UNAUTHENTICATED, text=text, metadata=tokens)


CASES: Final[Mapping[str, Case]] = {
    **{name: _refused(tokens, text) for name, (tokens, text) in _OTHERS.items()},
    **{
        name: _refused(partial(_changed, changes), f"token: {text}")
        for name, (changes, text) in _CLAIMS.items()
    },
    "token of a service": Ended(
        status=StatusCode.PERMISSION_DENIED,
        text="only a device may open this stream",
        metadata=partial(_changed, {"role": "service"}),
    ),
}
