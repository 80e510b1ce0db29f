"""Certificates to try TLS with: an authority's, the service's, and a backend service's.

The authority's key is never written down: whoever finds the files can pass for what is in
them, and make no more. All keys are P-256.
"""

import ipaddress
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from signaling_service.issuing.keys import private_pem

BACKDATED: Final = timedelta(minutes=5)  # clocks differ
SERVICE_URI: Final = "spiffe://signaling-service/"  # the service's name follows
LABEL: Final = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"  # RFC 1123 §2.1
DNS_NAME: Final = re.compile(rf"{LABEL}(\.{LABEL})*", re.ASCII)
MAX_NAME_LENGTH: Final = 253
MAX_COMMON_NAME_LENGTH: Final = 64  # RFC 5280, ub-common-name


class Certified(NamedTuple):
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """Signs certificates, for as long as the object lives.

    Args:
        now: the moment, with a timezone.
        days: so long its certificates are good, and its own.
    """

    def __init__(self, now: datetime, days: float) -> None:
        self._begin, self._end = now - BACKDATED, now + timedelta(days=days)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _common_name("signaling-service, to try it out")
        self._certificate = self._sign_itself()

    @property
    def certificate(self) -> bytes:
        """What the others trust, as PEM."""
        return self._certificate.public_bytes(Encoding.PEM)

    def certify_hosts(self, hosts: Sequence[str]) -> Certified:
        """A certificate of the service, good for these names and addresses.

        Raises:
            ValueError: one is neither.
        """
        names = x509.SubjectAlternativeName([_host(host) for host in hosts])
        return self._certify("signaling-service", names, ExtendedKeyUsageOID.SERVER_AUTH)

    def certify_service(self, name: str) -> Certified:
        """A certificate of a backend service, which it names as DNS and as URI.

        Raises:
            ValueError: it is no DNS name.
        """
        uri = x509.UniformResourceIdentifier(SERVICE_URI + name)
        names = x509.SubjectAlternativeName([_dns(name), uri])
        return self._certify(name, names, ExtendedKeyUsageOID.CLIENT_AUTH)

    def _certify(
        self, name: str, names: x509.SubjectAlternativeName, usage: x509.ObjectIdentifier
    ) -> Certified:
        key = ec.generate_private_key(ec.SECP256R1())
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            self._builder(_common_name(name), key.public_key(), is_authority=False)
            .add_extension(authority, critical=False)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(names, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return Certified(certificate.public_bytes(Encoding.PEM), private_pem(key))

    def _sign_itself(self) -> x509.Certificate:
        builder = self._builder(self._name, self._key.public_key(), is_authority=True)
        return builder.sign(self._key, hashes.SHA256())

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, is_authority: bool
    ) -> x509.CertificateBuilder:
        constraints = x509.BasicConstraints(is_authority, 0 if is_authority else None)
        return (
            x509.CertificateBuilder(self._name, subject, key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._begin)
            .not_valid_after(self._end)
            .add_extension(constraints, critical=True)
            .add_extension(_key_usage(is_authority=is_authority), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _common_name(name: str) -> x509.Name:
    text = name[:MAX_COMMON_NAME_LENGTH]
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return _dns(host)


def _dns(name: str) -> x509.DNSName:
    if len(name) > MAX_NAME_LENGTH or DNS_NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is neither a host's name nor an address")
    return x509.DNSName(name)
