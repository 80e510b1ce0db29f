"""Keys that sign tokens: which algorithm each is for, and what a service needs to check them.

A key is named by its thumbprint (RFC 7638), so that whoever holds the key and whoever holds
the JWKS come to the same `kid` without a word.
"""

import base64
import hashlib
import json
from typing import Final, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

MIN_RSA_BITS: Final = 2048  # RFC 7518 §3.3
# RFC 7638 §3.2, RFC 8037 §2: what the thumbprint of each kind is made of
THUMBPRINT_MEMBERS: Final = {
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
    "RSA": ("e", "kty", "n"),
}

PrivateKey = Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class UnusableKeyError(Exception):
    """The file is no key that can sign a token; the text says why."""


class SigningKey(NamedTuple):
    """A private key, the algorithm that it is for, and its public part (RFC 7517)."""

    key: PrivateKey
    algorithm: str
    jwk: dict[str, str]

    @property
    def kid(self) -> str:
        """The name of the key."""
        return self.jwk["kid"]

    @property
    def jwks(self) -> str:
        """The public part as a JWK Set, for the service."""
        return json.dumps({"keys": [self.jwk]}, indent=2) + "\n"

    def private_pem(self) -> bytes:
        """PKCS #8, not encrypted."""
        return private_pem(self.key)

    def public_pem(self) -> bytes:
        """The public part as SubjectPublicKeyInfo."""
        public = self.key.public_key()
        return public.public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo)


def new_key() -> SigningKey:
    """An Ed25519 key, for EdDSA."""
    return signing_key(Ed25519PrivateKey.generate())


def read_key(data: bytes) -> SigningKey:
    """The private key in a PEM file.

    Raises:
        UnusableKeyError: there is none, it is encrypted, or no algorithm here takes it.
    """
    try:
        key = pem.load_pem_private_key(data, password=None)
    except TypeError:
        raise UnusableKeyError("the key is encrypted") from None
    except (ValueError, UnsupportedAlgorithm):
        raise UnusableKeyError("not a private key in PEM") from None
    return signing_key(key)


def signing_key(key: object) -> SigningKey:
    """A private key and what it is for: Ed25519, EC on P-256, or RSA of 2048 bits and more.

    Raises:
        UnusableKeyError: it is another kind of key.
    """
    match key:
        case Ed25519PrivateKey():
            return _named(key, "EdDSA", OKPAlgorithm.to_jwk(key.public_key(), as_dict=True))
        case ec.EllipticCurvePrivateKey() if isinstance(key.curve, ec.SECP256R1):
            return _named(key, "ES256", ECAlgorithm.to_jwk(key.public_key(), as_dict=True))
        case rsa.RSAPrivateKey() if key.key_size >= MIN_RSA_BITS:
            return _named(key, "RS256", RSAAlgorithm.to_jwk(key.public_key(), as_dict=True))
    raise UnusableKeyError("Ed25519, P-256, or RSA of 2048 bits and more is needed")


def private_pem(key: PrivateKey) -> bytes:
    """A private key in PKCS #8, not encrypted."""
    no_encryption = pem.NoEncryption()
    return key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, no_encryption)


def _named(key: PrivateKey, algorithm: str, jwk: dict[str, str]) -> SigningKey:
    members = {name: jwk[name] for name in THUMBPRINT_MEMBERS[jwk["kty"]]}
    named = {**members, "kid": _thumbprint(members), "alg": algorithm, "use": "sig"}
    return SigningKey(key, algorithm, named)


def _thumbprint(members: dict[str, str]) -> str:
    """RFC 7638 §3: SHA-256 over the required members, sorted and without white space."""
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
