"""STUN and TURN servers for devices, with credentials that work for a limited time."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from signaling.v1 import signaling_pb2 as pb

OPAQUE_ID_BYTES: Final = 9  # tells two credentials apart, and nobody's user
TURN_SCHEMES: Final = ("turn:", "turns:")  # RFC 7065


class IceProvider(Protocol):
    """Where servers and credentials come from."""

    @property
    def has_relays(self) -> bool:
        """Whether there are TURN servers."""

    @property
    def ttl(self) -> float:
        """How long a credential works; seconds."""

    def issue(self, now: float) -> list[pb.IceServer]:
        """The servers for one device, with credentials that work at `now` and some time on."""


class TurnRest:
    """Servers that share a secret with the service (draft-uberti-behave-turn-rest-00).

    The secret's file is read again whenever it has changed: to rotate, let the
    TURN servers accept both secrets, write the new one to the file, and let them
    forget the old one after `ttl`.

    Args:
        urls: `stun:`, `turn:` and `turns:` URLs (RFC 7064, RFC 7065).
        secret_file: None if there are no TURN servers. One line break at its end
            is no part of the secret.
        ttl: how long a credential works; seconds.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is empty.
    """

    def __init__(
        self, urls: Sequence[str] = (), secret_file: Path | None = None, ttl: float = 3600.0
    ) -> None:
        self.ttl = ttl
        self._stun = [url for url in urls if not url.startswith(TURN_SCHEMES)]
        self._turn = [url for url in urls if url.startswith(TURN_SCHEMES)]
        self._file = secret_file
        self._changed_at = 0
        self._secret = b""
        if secret_file is not None:
            self._secret = self._read(secret_file)

    @property
    def has_relays(self) -> bool:
        """Whether there are TURN servers."""
        return bool(self._turn)

    def issue(self, now: float) -> list[pb.IceServer]:
        """See `IceProvider.issue`."""
        servers = [pb.IceServer(urls=self._stun)] if self._stun else []
        if self._turn:
            expires_at = int(now + self.ttl)
            username = f"{expires_at}:{secrets.token_urlsafe(OPAQUE_ID_BYTES)}"
            mac = hmac.new(self._current_secret(), username.encode(), hashlib.sha1).digest()
            credential = base64.b64encode(mac).decode()
            server = pb.IceServer(urls=self._turn, username=username, credential=credential)
            server.expire_time.FromSeconds(expires_at)
            servers.append(server)
        return servers

    def _current_secret(self) -> bytes:
        """The secret in the file; the last good one while the file is being written."""
        if self._file is not None:
            try:
                if self._file.stat().st_mtime_ns != self._changed_at:
                    self._secret = self._read(self._file)
            except (OSError, ValueError):
                return self._secret
        return self._secret

    def _read(self, file: Path) -> bytes:
        changed_at = file.stat().st_mtime_ns
        secret = file.read_bytes().removesuffix(b"\n").removesuffix(b"\r")
        if not secret:
            raise ValueError("is empty")
        self._changed_at = changed_at
        return secret
