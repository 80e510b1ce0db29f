"""What the embedded backend keeps of users and their devices."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.mailbox import Mailbox

SESSION_ID_BYTES: Final = 16  # nobody guesses 128 random bits


class Session:
    """What the service knows of a device, from its hello until its resume window is over."""

    __slots__ = (
        "active_at",
        "agent",
        "attached_at",
        "expires_at",
        "fence",
        "is_connected",
        "is_over",
        "labels",
        "mailbox",
        "received",
        "session",
        "session_id",
        "unheard",
        "wake",
    )

    def __init__(self, session: int, hello: pb.Hello, unheard: dict[str, pb.CallEnded]) -> None:
        self.session = session  # the fence of its first stream
        self.session_id = secrets.token_urlsafe(SESSION_ID_BYTES)
        self.fence = session
        self.agent = hello.agent
        self.labels = dict(hello.labels)
        self.mailbox = Mailbox()
        self.received = 0
        self.unheard = unheard
        self.is_connected = False
        self.is_over = False
        self.attached_at = 0.0
        self.active_at = 0.0
        self.expires_at = 0.0
        self.wake: Callable[[], None] | None = None

    @property
    def is_confirmed(self) -> bool:
        """Whether the device has certainly read its welcome."""
        return bool(self.received or self.mailbox.acked or self.active_at)


@dataclass(slots=True)
class UserRecord:
    """A user's sessions by device id, and live calls by call id."""

    sessions: dict[str, Session] = field(default_factory=dict)
    placed: dict[str, str] = field(default_factory=dict)
    received: dict[str, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is lost with it."""
        return not (self.sessions or self.placed or self.received)

    def calls_of(self, device_id: str) -> list[str]:
        """The live calls that may concern a device: its own, and all that ring at the user."""
        placed = [call_id for call_id, caller in self.placed.items() if caller == device_id]
        ringing_or_own = ("", device_id)
        return placed + [
            call_id for call_id, callee in self.received.items() if callee in ringing_or_own
        ]


@dataclass(frozen=True, slots=True)
class Departed:
    """What a device has to hear of when it comes back after its session."""

    unheard: dict[str, pb.CallEnded]
    forget_at: float
