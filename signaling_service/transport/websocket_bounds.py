"""What a WebSocket client may do, let in or not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from signaling_service.core.buckets import Rate
from signaling_service.limits import LimitSettings

PINGS_BURST: Final = 10  # control frames at once: a client that is late catches up
HEADS: Final = 2  # times the metadata of a request, for a head with all that browsers add


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bytes, seconds, and who may come."""

    message_bytes: int
    metadata_bytes: int
    keepalive: float
    keepalive_timeout: float
    pings: Rate  # and other control frames
    origins: Sequence[str]  # pages that may connect; none: those of this machine

    @property
    def head_bytes(self) -> int:
        """Of an upgrade request, which is read before anything is judged."""
        return HEADS * self.metadata_bytes


def bounds_of(limits: LimitSettings, origins: Sequence[str]) -> Bounds:
    """The bounds that an operator has set."""
    return Bounds(
        message_bytes=limits.message_bytes,
        metadata_bytes=limits.request_metadata_bytes,
        keepalive=limits.keepalive_seconds,
        keepalive_timeout=limits.keepalive_timeout_seconds,
        # twice what a client may do: its clock is not ours
        pings=Rate(2 / limits.client_ping_seconds, PINGS_BURST),
        origins=origins,
    )
