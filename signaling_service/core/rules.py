"""Every limit and timeout of the call machine, with its unit and its reason."""

from dataclasses import dataclass, field
from typing import Final

MIN_RING_TIMEOUT: Final = 5.0  # s; shorter, and nobody reaches the phone
MAX_RING_TIMEOUT: Final = 180.0  # s; longer, and nobody is there
CONNECT_TIMEOUT: Final = 30.0  # s; the same as browsers take to give up on ICE
RECONNECT_TIMEOUT: Final = 30.0  # s; people hang up a silent call before that
DISCONNECTED_GRACE: Final = 3.0  # s; most interruptions heal within (W3C: "disconnected")
RECONNECT_ATTEMPTS: Final = 3  # one on any path, two through a relay
MAX_CALL_AGE: Final = 24 * 3600.0  # s; a call that nobody ends
ENDED_MEMORY: Final = 600.0  # s; by default a late request hears so long how its call ended
GENERATIONS_KEPT: Final = 8  # ICE generations of a side, to tell a stale candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one message, device or user may ask for; counts, or bytes where it says so."""

    message_bytes: int = 64 * 1024
    sdp_bytes: int = 32 * 1024
    candidate_bytes: int = 1024
    candidates_per_message: int = 32
    candidates_per_generation: int = 256
    app_message_bytes: int = 4 * 1024
    metadata_bytes: int = 1024
    calls_per_device: int = 8
    ringing_per_user: int = 16
    devices_per_user: int = 16
    # what one call may leave unacknowledged at one device before it counts as gone
    unacked_messages: int = 300
    unacked_bytes: int = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What an operator may set about calls; seconds."""

    ring_timeout: float = 60.0
    resume_window: float = 120.0
    ended_memory: float = ENDED_MEMORY
    has_relays: bool = False
    events_kept: int = 500_000  # at most, of an hour: some 200 bytes each
    traces_kept: int = 10_000  # at most, of live calls and of an hour: some 5 KB each
    revocation_memory: float = 30 * 24 * 3600.0  # no token should live so long
    limits: Limits = field(default_factory=Limits)
