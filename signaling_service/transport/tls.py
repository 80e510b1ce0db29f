"""TLS at the service's own door, with certificates that may be renewed while it runs."""

import ssl
from pathlib import Path
from typing import Any

import grpc
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import serialization

log = structlog.get_logger()


class Certificates:
    """A certificate chain, its key, and who signs the certificates of clients, if they need one.

    The files are looked at before every handshake, and read again once one has changed; what
    is half written or does not fit together is not taken, and the old ones serve on.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file has no PEM of that kind, or key and certificate do not fit.
    """

    def __init__(self, chain: Path, key: Path, client_ca: Path | None = None) -> None:
        self._files = [chain, key, *([client_ca] if client_ca else [])]
        self._asks_clients = client_ca is not None
        self._seen = self._times()
        self._current = self._read()
        self._context: ssl.SSLContext | None = None

    def credentials(self) -> grpc.ServerCredentials:
        """The same for a port of a gRPC server."""
        renewed: Any = self._renewed  # its type knows nothing of None
        return grpc.dynamic_ssl_server_credentials(
            self._current, renewed, require_client_authentication=self._asks_clients
        )

    def context(self) -> ssl.SSLContext:
        """The same for a port of an asyncio server."""
        self._context = self._fresh_context()
        listening = self._fresh_context()
        listening.sni_callback = self._choose  # called ahead of every handshake
        return listening

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _: ssl.SSLContext) -> None:
        try:
            if self._renewed() is not None:
                self._context = self._fresh_context()
        except (OSError, ValueError) as error:  # changed again, just now
            log.warning("certificates_unreadable", error=type(error).__name__)
        if self._context is not None:
            connection.context = self._context

    def _fresh_context(self) -> ssl.SSLContext:
        chain, key, *roots = self._files
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        context.set_alpn_protocols(["http/1.1"])
        if roots:
            context.load_verify_locations(roots[0])
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """What gRPC asks before a handshake, on a thread of its own; None: nothing is new."""
        try:
            if (times := self._times()) == self._seen:
                return None
            self._current = self._read()
            self._seen = times
        except (OSError, ValueError) as error:
            log.warning("certificates_unreadable", error=type(error).__name__)
            return None
        log.info("certificates_renewed")
        return self._current

    def _times(self) -> list[int]:
        return [file.stat().st_mtime_ns for file in self._files]

    def _read(self) -> grpc.ServerCertificateConfiguration:
        chain, key, *roots = (file.read_bytes() for file in self._files)
        _check(chain, key, *roots)
        return grpc.ssl_server_certificate_configuration([(key, chain)], *roots)


def _check(chain: bytes, key: bytes, roots: bytes | None = None) -> None:
    """See that gRPC can use it: it would say no more than that a handshake failed."""
    certificate = x509.load_pem_x509_certificates(chain)[0]
    private = serialization.load_pem_private_key(key, None)
    of_key, of_certificate = (
        public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        for public in (private.public_key(), certificate.public_key())
    )
    if of_key != of_certificate:
        raise ValueError("the key is not that of the certificate")
    if roots is not None:
        x509.load_pem_x509_certificates(roots)
