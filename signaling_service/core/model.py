"""The nouns of the call machine: devices, calls and their legs, events and outcomes.

All of it is immutable; a step makes a new call out of the old one. What every
message makes anew is a tuple: a frozen dataclass takes four times as long.
"""

from collections.abc import Mapping
from enum import Enum, IntEnum, StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol

from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.errors import RefusedError


class Device(NamedTuple):
    """A device as a key; `message()` is the same on the wire."""

    user_id: str
    device_id: str

    def message(self) -> pb.Device:
        """The device as clients see it; shared, so never to be changed."""
        return _message(self)


@lru_cache(maxsize=4096)  # a device that speaks speaks again
def _message(device: Device) -> pb.Device:
    return pb.Device(user_id=device.user_id, device_id=device.device_id)


class State(IntEnum):
    """`signaling.v1.CallState`, and NEW for a call that is not there yet."""

    NEW = 0
    RINGING = pb.CALL_STATE_RINGING
    ANSWERED = pb.CALL_STATE_ANSWERED
    CONNECTED = pb.CALL_STATE_CONNECTED
    RECONNECTING = pb.CALL_STATE_RECONNECTING
    ENDED = pb.CALL_STATE_ENDED


ANSWERED_STATES: Final = (State.ANSWERED, State.CONNECTED, State.RECONNECTING)
LIVE_STATES: Final = (State.RINGING, *ANSWERED_STATES)


class Driver(StrEnum):
    """Who makes a call move: one of its sides, time, a device's session, another service."""

    CALLER = "caller"
    CALLEE = "callee"
    CLOCK = "clock"
    PRESENCE = "presence"
    SERVICE = "service"


class Verdict(Enum):
    """Whether a call may begin, and if not, whether its caller is told."""

    ALLOWED = "allowed"
    NOT_ALLOWED = "not allowed"  # to the caller it looks as if nobody was connected
    NOT_ALLOWED_OPENLY = "not allowed, openly"


class LegState(Enum):
    """What became of the call at one device of the called user."""

    OFFERED = "offered"
    RINGING = "ringing"
    WON = "won"
    LOST = "lost"
    REJECTED = "rejected"
    BUSY = "busy"
    IGNORED = "ignored"


class Leg(NamedTuple):
    """One device of the called user. `ended` is what it was told, once it was."""

    device: Device
    session: int
    state: LegState = LegState.OFFERED
    ended: pb.CallEnded | None = None

    @property
    def is_live(self) -> bool:
        """Whether the device may still answer."""
        return self.state in (LegState.OFFERED, LegState.RINGING)


class Side(NamedTuple):
    """One of the two devices of a call."""

    device: Device
    session: int
    is_away: bool = False
    # the ice-ufrags of its accepted descriptions, the newest last
    generations: tuple[frozenset[str], ...] = ()
    disconnected_at: float | None = None


class Negotiation(NamedTuple):
    """The last offer/answer exchange; `opened_by` while the offer is unanswered."""

    number: int
    opened_by: Device | None


class Quality(NamedTuple):
    """How the media connection gets on, as far as the sides report it."""

    was_connected: bool = False
    attempt: int = 0  # of reconnecting; 0 while none is needed
    attempt_after: int = 0  # the attempt's offer has a higher negotiation
    is_attempt_answered: bool = False
    deadline: float | None = None  # to be connected by
    remaining: float | None = None  # of it, while it stands still because a side is away


class Times(NamedTuple):
    """When a call came to where it is; seconds, None for never."""

    answered_at: float | None = None
    connected_at: float | None = None  # first
    ended_at: float | None = None


class Held(NamedTuple):
    """Candidates that wait for the win."""

    sender: Device
    candidates: pb.IceCandidates
    traceparent: str = ""


class Relay(NamedTuple):
    """What relaying candidates changes: the one part of a call that conflicts with no other."""

    # how many candidates each sender has sent for its newest ICE generation
    counts: Mapping[Device, int] = MappingProxyType({})
    held: tuple[Held, ...] = ()


class Call(NamedTuple):
    """A call, from its first offer until the service forgets it. Times are seconds."""

    call_id: str
    state: State
    created_at: float
    caller: Side
    callee_user_id: str
    offer_digest: bytes
    offer: pb.SdpOffer | None  # as it came; gone once the call no longer rings
    is_barred: bool  # the callee must not notice: no device ever rings
    ring_deadline: float
    legs: Mapping[Device, Leg] = MappingProxyType({})
    callee: Side | None = None  # once answered
    negotiation: Negotiation = Negotiation(0, None)
    quality: Quality = Quality()
    ended: pb.CallEnded | None = None
    times: Times = Times()
    deadline: float = 0.0  # when the clock drives the call next
    traceparent: str = ""  # of the first offer
    relay: Relay = Relay()  # the last, so that a candidate can replace it at little cost

    def changed(self, fields: Mapping[str, object]) -> "Call":
        """The same call, but for these fields; `_replace` takes four times as long."""
        values: list[Any] = list(self)
        for name, value in fields.items():
            values[_PLACES[name]] = value
        return Call._make(values)

    def with_relay(self, relay: Relay) -> "Call":
        """The same call, but for what relaying changes."""
        return Call._make((*self[:-1], relay))

    @property
    def live_legs(self) -> list[Leg]:
        """The legs that may still answer."""
        return [leg for leg in self.legs.values() if leg.is_live]


_PLACES: Final = {name: place for place, name in enumerate(Call._fields)}


def end_between(before: Call | None, after: Call | None) -> pb.CallEnded | None:
    """How a step has ended a call, as it was and as it is; None if it has not."""
    was_over = before is not None and before.ended is not None
    return None if after is None or was_over else after.ended


class Event(NamedTuple):
    """Something that happens to a call: a device's request, the clock, or a session's fate.

    `kind` is the name of the request's payload, or `deadline`, `attached`,
    `detached`, `gone` (the session is over), `overflow` (the device has
    stopped listening) or `terminate` (another service ends the call; its text is that
    of the request's hangup). `verdict` is on the call that a first offer begins.
    """

    kind: str
    device: Device | None = None
    session: int = 0
    request: pb.ConnectRequest = pb.ConnectRequest()
    verdict: Verdict = Verdict.ALLOWED


class Delivery(NamedTuple):
    """A message for the mailbox of a device."""

    device: Device
    response: pb.ConnectResponse
    ring_deadline: float | None = None


# What other services are told: the name of its event, when, and facts that `core.news` knows the
# order of. Plain tuples of plain values, of which the garbage collector looks at none.
News = tuple[str, float, tuple[Any, ...]]


class Traced(NamedTuple):
    """A step as the trace of its call keeps it; see `signaling.v1.CallTraceEntry`."""

    kind: str
    sender: Device | None
    state: State
    reason: int  # EndReason
    error: int  # ErrorCode


class Outcome(NamedTuple):
    """What a step comes to. `call` is None when there is none, or no more.

    `refusal` is what the sender is told was wrong, beside what the step did. `news` is
    for other services, `traced` for whoever asks how the call went.
    """

    call: Call | None
    deliveries: tuple[Delivery, ...] = ()
    refusal: RefusedError | None = None
    news: tuple[News, ...] = ()
    traced: tuple[Traced, ...] = ()


class Presence(Protocol):
    """A device's session, as far as calls look at it."""

    @property
    def session(self) -> int:
        """Which one; a fresh session has a higher number."""

    @property
    def is_connected(self) -> bool:
        """Whether the device has a stream."""

    @property
    def attached_at(self) -> float:
        """When its stream began; seconds."""

    @property
    def active_at(self) -> float:
        """When it last sent something other than a hello or an ack; seconds, 0 for never."""


class User(Protocol):
    """A user's devices with a session, and the user's live calls."""

    @property
    def sessions(self) -> Mapping[str, Presence]:
        """By device_id."""

    @property
    def placed(self) -> Mapping[str, str]:
        """The device_id that calls, by call_id."""

    @property
    def received(self) -> Mapping[str, str]:
        """The device_id that answered, "" while it rings, by call_id."""


class Directory(Protocol):
    """What a step may look up beside its own call."""

    def user(self, user_id: str) -> User:
        """The user, an empty one if nobody knows the id."""

    def call(self, call_id: str) -> Call:
        """A live call of one of the step's users."""
