"""STUN and TURN servers with time-limited credentials (draft-uberti-behave-turn-rest-00)."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from signaling.v1 import signaling_pb2 as pb

OPAQUE_ID_BYTES: Final = 9  # tells two credentials apart, and nobody's user


@dataclass(frozen=True, slots=True)
class IceServers:
    """What devices may use to reach each other.

    Args:
        urls: `stun:`, `turn:` and `turns:` URLs (RFC 7064, RFC 7065).
        secret: shared with the TURN servers; None if there are none.
        ttl: how long a credential works; seconds.
    """

    urls: Sequence[str] = ()
    secret: bytes | None = None
    ttl: float = 3600.0

    @property
    def has_relays(self) -> bool:
        """Whether one of them is a TURN server."""
        return any(url.startswith(("turn:", "turns:")) for url in self.urls)

    def issue(self, now: float) -> list[pb.IceServer]:
        """The servers, with credentials that work from now on for `ttl`."""
        stun = [url for url in self.urls if not url.startswith(("turn:", "turns:"))]
        turn = [url for url in self.urls if url.startswith(("turn:", "turns:"))]
        servers = [pb.IceServer(urls=stun)] if stun else []
        if turn and self.secret is not None:
            expires_at = int(now + self.ttl)
            username = f"{expires_at}:{secrets.token_urlsafe(OPAQUE_ID_BYTES)}"
            mac = hmac.new(self.secret, username.encode(), hashlib.sha1).digest()
            server = pb.IceServer(
                urls=turn, username=username, credential=base64.b64encode(mac).decode()
            )
            server.expire_time.FromSeconds(expires_at)
            servers.append(server)
        return servers
