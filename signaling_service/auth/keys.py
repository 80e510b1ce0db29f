"""Public keys that tokens are signed with: PEM and JWKS (RFC 7517), from a file."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt import PyJWK
from jwt.exceptions import PyJWTError

MIN_RSA_BITS: Final = 2048  # RFC 7518 §3.3
MAX_KEYS: Final = 32  # more are no issuer's; each may be tried for a token without `kid`
_PEM: Final = re.compile(rb"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", re.DOTALL)

PublicKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey

log = structlog.get_logger()


class Key(NamedTuple):
    """A public key and the one algorithm that it is for; `kid` is None where nothing names it."""

    kid: str | None
    algorithm: str
    key: PublicKey


class KeySource(Protocol):
    """Where keys come from."""

    async def start(self) -> None:
        """Begin, before anybody asks."""

    async def find(self, kid: str | None) -> Sequence[Key]:
        """The keys that a token with this `kid` may be signed with, none if it is unknown.

        Raises:
            KeysAwayError: there are none, or none that can be trusted still.
        """


class FileKeys:
    """Keys of a PEM or JWKS file, read again whenever it changes.

    Raises:
        OSError: the file cannot be read.
        ValueError: it has no key that can be used, or one that must not be there.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._changed_at = 0
        self._keys: Sequence[Key] = ()
        self._is_readable = True
        self._read()

    async def start(self) -> None:
        """See `KeySource.start`: it was read already."""

    async def find(self, kid: str | None) -> Sequence[Key]:
        """See `KeySource.find`; the last good keys while the file is being written."""
        try:
            if self._file.stat().st_mtime_ns != self._changed_at:
                self._read()
                log.info("jwt_keys_read", keys=len(self._keys))
            self._is_readable = True
        except (OSError, ValueError) as error:
            if self._is_readable:  # said once, not for every token
                log.warning("jwt_keys_unreadable", error=type(error).__name__)
            self._is_readable = False
        return matching(self._keys, kid)

    def _read(self) -> None:
        changed_at = self._file.stat().st_mtime_ns
        keys = parse(self._file.read_bytes())
        self._changed_at, self._keys = changed_at, keys


def matching(keys: Sequence[Key], kid: str | None) -> Sequence[Key]:
    """The keys that a token may be signed with: by its `kid`, where both have one."""
    return [key for key in keys if kid is None or key.kid is None or key.kid == kid]


def parse(data: bytes) -> Sequence[Key]:
    """The keys of a PEM file or a JWKS.

    Raises:
        ValueError: there is none that can be used, or one that must not be there.
    """
    keys = _from_pem(data) if b"-----BEGIN" in data else _from_jwks(data)
    if not keys:
        raise ValueError("has no public key for EdDSA, ES256 or RS256")
    if len(keys) > MAX_KEYS:
        raise ValueError(f"has {len(keys)} keys, more than {MAX_KEYS}")
    return keys


def _from_pem(data: bytes) -> Sequence[Key]:
    keys = []
    for block in _PEM.finditer(data):
        label = block[1].decode()
        if "PRIVATE" in label:
            raise ValueError("has a private key: the public one is enough")
        keys.append(_key(None, _load(label, block[0])))
    return keys


def _load(label: str, pem: bytes) -> Any:
    try:
        if label == "CERTIFICATE":
            return x509.load_pem_x509_certificate(pem).public_key()
        return serialization.load_pem_public_key(pem)
    except UnsupportedAlgorithm:  # which is no ValueError
        return None


def _from_jwks(data: bytes) -> Sequence[Key]:
    """The keys of a JWKS; those for something else are passed over (RFC 7517 §5)."""
    try:
        entries = json.loads(data)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError("is neither PEM nor a JWKS") from None
    keys: list[Key] = []
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and entry.get("kty") in ("OKP", "EC", "RSA"):
            keys += _from_jwk(entry)
    return keys


def _from_jwk(entry: dict[str, Any]) -> Sequence[Key]:
    if "d" in entry:
        raise ValueError("has a private key: the public ones are enough")
    kid = entry.get("kid")
    if entry.get("use", "sig") != "sig" or not isinstance(kid, str | None):
        return ()
    try:
        key = _key(kid, PyJWK(entry).key)
    except (PyJWTError, ValueError, TypeError, NotImplementedError):
        return ()
    return (key,) if entry.get("alg", key.algorithm) in (key.algorithm, "Ed25519") else ()


def _key(kid: str | None, found: Any) -> Key:
    """The key with its algorithm, which no token chooses."""
    match found:
        case ed25519.Ed25519PublicKey():
            return Key(kid, "EdDSA", found)
        case ec.EllipticCurvePublicKey() if isinstance(found.curve, ec.SECP256R1):
            return Key(kid, "ES256", found)
        case rsa.RSAPublicKey() if found.key_size >= MIN_RSA_BITS:
            return Key(kid, "RS256", found)
        case _:
            raise ValueError("has a key for none of EdDSA, ES256 (P-256) and RS256 (2,048 bits)")
