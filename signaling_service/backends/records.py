"""What the embedded backend keeps of calls, users and their devices."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.mailbox import Mailbox
from signaling_service.core.model import LIVE_STATES, Call, State

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


class Records:
    """Calls by id, and users by id with their live calls: the directory of a step."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}  # the oldest first
        self.users: dict[str, UserRecord] = {}
        self.listed: dict[str, dict[str, None]] = {}  # all calls of a user, the oldest first
        self._states = dict.fromkeys(State, 0)  # how many calls are in each

    def user(self, user_id: str) -> UserRecord:
        """The user, an empty one if nobody knows the id."""
        return self.users.get(user_id) or UserRecord()

    def call(self, call_id: str) -> Call:
        """A live call."""
        return self.calls[call_id]

    def live_calls(self) -> Mapping[State, int]:
        """See `Backend.live_calls`."""
        return {state: self._states[state] for state in LIVE_STATES}

    def depths(self) -> Sequence[int]:
        """See `Backend.depths`."""
        return [
            session.mailbox.top - session.mailbox.acked
            for user in list(self.users.values())  # copies: the event loop goes on meanwhile
            for session in list(user.sessions.values())
            if session.is_connected
        ]

    def keep(self, call_id: str, before: Call | None, after: Call | None) -> None:
        """Keep a call as a step has left it, and what its users' records say of it."""
        was, state = before.state if before else State.NEW, after.state if after else State.NEW
        if was is not state:
            self._states[was] -= 1
            self._states[state] += 1
        if after is None:
            forgotten = self.calls.pop(call_id)
            self._unindex(forgotten)
            self._unlist(forgotten)
            return
        self.calls[call_id] = after
        if before is None:
            for user_id in _users_of(after):
                self.listed.setdefault(user_id, {})[call_id] = None
        if state is State.ENDED:
            self._unindex(after)
        elif was is not state:
            self._index(after)

    def drop_if_empty(self, user_id: str) -> None:
        """Forget a user of whom nothing is left."""
        if user_id in self.users and self.users[user_id].is_empty:
            del self.users[user_id]

    def _index(self, call: Call) -> None:
        """Keep the live calls of both users."""
        caller = call.caller.device
        self.users[caller.user_id].placed[call.call_id] = caller.device_id
        if not call.is_barred:
            answered_by = call.callee.device.device_id if call.callee else ""
            callee = self.users.setdefault(call.callee_user_id, UserRecord())
            callee.received[call.call_id] = answered_by

    def _unindex(self, call: Call) -> None:
        caller = call.caller.device
        self.user(caller.user_id).placed.pop(call.call_id, None)
        self.user(call.callee_user_id).received.pop(call.call_id, None)
        self.drop_if_empty(caller.user_id)
        self.drop_if_empty(call.callee_user_id)

    def _unlist(self, call: Call) -> None:
        for user_id in _users_of(call):
            del self.listed[user_id][call.call_id]
            if not self.listed[user_id]:
                del self.listed[user_id]


def _users_of(call: Call) -> set[str]:
    return {call.caller.device.user_id, call.callee_user_id}
