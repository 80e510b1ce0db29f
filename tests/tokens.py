"""An issuer of tokens, good ones and bad ones: `issuer.token("alice", "phone", exp=0)`."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tests import canaries

ISSUER: Final = "https://issuer.example"
AUDIENCE: Final = "signaling"
ALGORITHMS: Final = ("EdDSA", "ES256", "RS256")

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def private_key(algorithm: str) -> PrivateKey:
    """A key for an algorithm."""
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(65537, 2048)


class Issuer:
    """Signs tokens with a key of its own.

    Args:
        algorithm: EdDSA, ES256 or RS256.
        kid: what names its key, None for nothing.
        now: when it issues; a test's clock, or the machine's.
    """

    def __init__(
        self, algorithm: str = "EdDSA", kid: str | None = "key-1", now: float | None = None
    ) -> None:
        self.algorithm = algorithm
        self.kid = kid
        self.now = now
        self.key = private_key(algorithm)

    @property
    def pem(self) -> bytes:
        """The public key."""
        return self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def private_pem(self) -> bytes:
        """The private key, which no service should have."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    @property
    def jwk(self) -> dict[str, Any]:
        """The public key as an entry of a JWKS."""
        public: Any = self.key.public_key()
        kinds: Mapping[str, Any] = {
            "EdDSA": OKPAlgorithm,
            "ES256": ECAlgorithm,
            "RS256": RSAAlgorithm,
        }
        entry: dict[str, Any] = kinds[self.algorithm].to_jwk(public, as_dict=True)
        return entry | ({"kid": self.kid} if self.kid is not None else {})

    def writes(self, file: Path) -> Path:
        """Publish the key in a file: a JWKS, or PEM if that is its name."""
        is_pem = file.suffix == ".pem"
        file.write_bytes(self.pem if is_pem else jwks(self).encode())
        return file

    def claims(self, user_id: str, device_id: str, /, **changes: Any) -> dict[str, Any]:
        """What a good token says; a change to None leaves a claim out."""
        now = time.time() if self.now is None else self.now
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user_id,
            "device_id": device_id,
            "iat": now,
            "exp": now + 3600,
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(
        self,
        user_id: str,
        device_id: str,
        /,
        headers: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> str:
        """A token for a device; `changes` of its claims may make it a bad one."""
        head = {"kid": self.kid} if self.kid is not None else {}
        claims = self.claims(user_id, device_id, **changes)
        signed = jwt.api_jws.encode(
            json.dumps(claims).encode(),
            self.key,
            algorithm=self.algorithm,
            headers={"typ": "JWT", **head, **(headers or {})},
        )
        canaries.plant(signed, signed.rpartition(".")[2])
        return signed

    def bearer(
        self, user_id: str, device_id: str, /, **changes: Any
    ) -> tuple[tuple[str, str], ...]:
        """The request metadata with such a token."""
        return bearer(self.token(user_id, device_id, **changes))


def jwks(*issuers: Issuer) -> str:
    """The public keys of issuers, as a JWKS (RFC 7517 §5)."""
    return json.dumps({"keys": [issuer.jwk for issuer in issuers]})


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """The request metadata with a token."""
    return (("authorization", f"Bearer {token}"),)
