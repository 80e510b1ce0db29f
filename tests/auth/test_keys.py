"""Keys of an issuer: what a file may have, and what happens when it changes."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from structlog.testing import capture_logs

from signaling_service.auth.keys import MAX_KEYS, FileKeys, parse
from tests.tokens import ALGORITHMS, Issuer, jwks


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("form", ["pem", "jwks"])
def test_forms(algorithm: str, form: str) -> None:
    """PEM or JWKS; the algorithm is told by the key."""
    issuer = Issuer(algorithm)

    (key,) = parse(issuer.pem if form == "pem" else jwks(issuer).encode())

    assert (key.kid, key.algorithm) == (None if form == "pem" else "key-1", algorithm)


def test_several_pem_blocks() -> None:
    """Keys and certificates, with whatever stands between them."""
    certificate = trustme.CA().issue_cert("issuer.example").cert_chain_pems[0].bytes()
    data = b"# the old one\n" + Issuer().pem + b"# the new one\n" + certificate

    assert [key.algorithm for key in parse(data)] == ["EdDSA", "ES256"]


def test_other_keys_of_a_set_are_passed_over() -> None:
    """A JWKS has what an issuer needs, and it may be for something else (RFC 7517 §5)."""
    good, p384 = Issuer(), ec.generate_private_key(ec.SECP384R1())
    numbers = p384.public_key().public_numbers()
    entries: list[Any] = [
        good.jwk | {"use": "sig", "alg": "EdDSA"},
        good.jwk | {"use": "enc"},
        good.jwk | {"alg": "ES256"},
        good.jwk | {"kid": 7},
        good.jwk | {"x": "short"},
        {"kty": "EC", "crv": "P-384", "x": str(numbers.x), "y": str(numbers.y)},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": "new"},
        "nonsense",
    ]

    (key,) = parse(json.dumps({"keys": entries}).encode())

    assert key.kid == "key-1"


def small_rsa() -> bytes:
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505 - it is to be refused
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


WRONG: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is neither PEM nor a JWKS"),
    "json": (b"[]", "is neither PEM nor a JWKS"),
    "no list": (b'{"keys": 7}', "has no public key for EdDSA, ES256 or RS256"),
    "no keys": (b'{"keys": []}', "has no public key for EdDSA, ES256 or RS256"),
    "deep": (b"[" * 100_000, "is neither PEM nor a JWKS"),
    "private": (Issuer().private_pem, "has a private key: the public one is enough"),
    "private in a set": (
        json.dumps({"keys": [Issuer().jwk | {"d": "secret"}]}).encode(),
        "has a private key: the public ones are enough",
    ),
    "weak": (small_rsa(), "has a key for none of EdDSA, ES256 (P-256) and RS256 (2,048 bits)"),
    "unheard of": (
        re.sub(b"(?<=\n)MCowBQYDK2Vw", b"MCowBQYDK3Vw", Issuer().pem),
        "has a key for none of EdDSA, ES256 (P-256) and RS256 (2,048 bits)",
    ),
    "many": (
        json.dumps({"keys": [Issuer().jwk] * (MAX_KEYS + 1)}).encode(),
        "has 33 keys, more than 32",
    ),
}


@pytest.mark.parametrize(("data", "text"), WRONG.values(), ids=WRONG.keys())
def test_wrong_files(data: bytes, text: str) -> None:
    """What is wrong is said; a private key has no business here."""
    with pytest.raises(ValueError) as wrong:  # noqa: PT011 - its text is what counts
        parse(data)

    assert str(wrong.value) == text


def test_broken_pem() -> None:
    """Something between the lines that is no key."""
    with pytest.raises(ValueError):  # noqa: PT011 - the library's text
        parse(b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")


async def test_file_is_read_again(tmp_path: Path) -> None:
    """A rotation needs no restart, and half a file no new key."""
    old, new = Issuer(kid="old"), Issuer(kid="new")
    file = old.writes(tmp_path / "keys.json")
    keys = FileKeys(file)
    await keys.start()
    changes = 0

    def write(text: str) -> None:
        nonlocal changes
        changes += 1
        file.write_text(text)
        os.utime(file, ns=(changes, changes))  # a change that a coarse clock can't hide

    with capture_logs() as logs:
        assert [key.kid for key in await keys.find("old")] == ["old"]
        assert await keys.find("new") == []
        write(jwks(old, new))
        assert [key.kid for key in await keys.find("new")] == ["new"]
        write("{")
        for _ in range(3):
            assert [key.kid for key in await keys.find("new")] == ["new"]
        file.unlink()
        assert [key.kid for key in await keys.find("new")] == ["new"]
        write(jwks(new))
        assert await keys.find("old") == []

    assert [line["event"] for line in logs] == [
        "jwt_keys_read",
        "jwt_keys_unreadable",
        "jwt_keys_read",
    ]
