"""What proves that a post is the service's: the signatures of Standard Webhooks, version 1.

https://github.com/standard-webhooks/webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

PREFIX: Final = b"whsec_"
MIN_SECRET_BYTES: Final = 24  # the specification's
MAX_SECRETS: Final = 2  # the new one, and the one that receivers still know


class Secrets:
    """The secrets in a file, read again when it changes.

    One a line, two while they are changed: `whsec_` and base64, or any other text, whose
    bytes are the secret. Every post is signed with each.

    Raises:
        OSError: the file cannot be read.
        ValueError: there is no secret in it, more than two, or one that is too short.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._changed_at = 0
        self._secrets: Sequence[bytes] = self._read()

    def sign(self, event_id: str, timestamp: int, body: bytes) -> Mapping[str, str]:
        """The headers of a post that is made at `timestamp`, in seconds since the epoch."""
        signed = b"%s.%d.%s" % (event_id.encode(), timestamp, body)
        macs = (hmac.new(secret, signed, hashlib.sha256).digest() for secret in self._current())
        return {
            "webhook-id": event_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(f"v1,{base64.b64encode(mac).decode()}" for mac in macs),
        }

    def _current(self) -> Sequence[bytes]:
        """The secrets in the file; the last good ones while it is being written."""
        try:
            if self._file.stat().st_mtime_ns != self._changed_at:
                self._secrets = self._read()
        except (OSError, ValueError):
            return self._secrets
        return self._secrets

    def _read(self) -> Sequence[bytes]:
        changed_at = self._file.stat().st_mtime_ns
        lines = [line.strip() for line in self._file.read_bytes().splitlines() if line.strip()]
        if not lines:
            raise ValueError("is empty")
        if len(lines) > MAX_SECRETS:
            raise ValueError(f"has {len(lines)} secrets; {MAX_SECRETS} are possible, one a line")
        secrets = [_secret_of(line) for line in lines]
        self._changed_at = changed_at
        return secrets


def _secret_of(line: bytes) -> bytes:
    secret = line
    if line.startswith(PREFIX):
        text = line.removeprefix(PREFIX)
        try:
            secret = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
        except binascii.Error as error:
            raise ValueError("what follows whsec_ is not base64") from error
    if len(secret) < MIN_SECRET_BYTES:
        raise ValueError(f"a secret is shorter than {MIN_SECRET_BYTES} bytes")
    return secret
