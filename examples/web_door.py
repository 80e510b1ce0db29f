"""What the page needs beyond this machine: https, and a token for each tab.

A browser gives its camera to https alone, and the service takes nobody at their word there.
Whoever can reach the page gets a token in any name: this is for trying it, and for nothing else.
"""

import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from signaling_service.issuing import kit
from signaling_service.issuing.keys import SigningKey, read_key
from signaling_service.issuing.tokens import Bearer, Terms, token

NAME: Final = "demo-page"
DAYS: Final = 1.0
TERMS: Final = Terms(NAME, NAME, lifetime=3600.0)


class Door(NamedTuple):
    """How people come in from other machines; `options` are those of the service."""

    tls: ssl.SSLContext
    key: SigningKey
    options: Sequence[str]

    def token(self, user_id: str, device_id: str) -> str:
        """A token for a tab, good for an hour."""
        return token(self.key, Bearer(user_id, device_id), TERMS, time.time())


@contextmanager
def door_at(host: str, port: int) -> Iterator[Door]:
    """Certificates and keys for a page at `https://host:port/`, gone afterwards.

    Raises:
        ValueError: nothing could be named so.
    """
    with TemporaryDirectory(prefix=f"{NAME}-") as name:
        directory = Path(name)
        kit.write(directory, kit.make(kit.Wanted([host], NAME, DAYS), datetime.now(UTC)))
        certificate, key = directory / "server.pem", directory / "server-key.pem"
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
        options = (
            "--auth=jwt",
            f"--jwt-keys={directory / 'token-keys.json'}",
            f"--jwt-issuer={NAME}",
            f"--jwt-audience={NAME}",
            f"--tls-cert={certificate}",
            f"--tls-key={key}",
            f"--websocket-origin=https://{host}:{port}",
        )
        yield Door(tls, read_key((directory / "token-key.pem").read_bytes()), options)
