"""What a backend promises; one contract suite runs every promise against each of them.

A step is atomic: the call's new state, what it adds to mailboxes, the sender's
processed `seq`, both users' records and the next deadline are there together or
not at all. There is no other place for concurrency.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from signaling.v1 import signaling_pb2 as pb

from signaling_service.backends.archive import Archive
from signaling_service.core.buckets import Rate
from signaling_service.core.mailbox import Entry
from signaling_service.core.model import Call, Device, Directory, Outcome, State

Decide = Callable[[Call | None, Directory, float], Outcome]


class StreamId(NamedTuple):
    """The stream of a device that counts. A newer one has a higher fence."""

    device: Device
    session: int
    fence: int


class Visit(NamedTuple):
    """A device that opens a stream.

    `wake` is called whenever there may be something to read, or the stream counts no more.
    `issued_at` is when its token was issued; seconds, infinite for what is no token.
    """

    device: Device
    request: pb.ConnectRequest  # its hello
    wake: Callable[[], None]
    issued_at: float = float("inf")


class Sender(NamedTuple):
    """Whose request a step is: fenced, its `seq` recorded (0: unnumbered), its `ack` applied."""

    stream: StreamId
    seq: int
    ack: int


class Step(NamedTuple):
    """One call and what decides about it; `decide` is pure and may run more than once."""

    call_id: str
    decide: Decide
    sender: Sender | None = None
    users: tuple[str, ...] = ()  # whom `decide` looks up
    guard: StreamId | None = None  # the step is void once another stream of the device counts


class Applied(NamedTuple):
    """What a step came to.

    `full` are the devices that left too much of the call unacknowledged, `before`
    is the call as it was.
    """

    outcome: Outcome
    full: tuple[Device, ...] = ()
    before: Call | None = None


@dataclass(frozen=True, slots=True)
class Attached:
    """A stream that counts now. `unheard` are ends of calls that the old session was not told."""

    stream: StreamId
    session_id: str
    is_resumed: bool
    received: int  # the highest seq processed of the session
    acked: int  # the highest seq the device has acknowledged
    calls: Sequence[str]  # the live calls of the user that may concern the device
    unheard: Mapping[str, pb.CallEnded] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Over:
    """A session that is over: its calls have to hear of it, then `end` forgets it."""

    device: Device
    session: int
    calls: Sequence[str]


@dataclass(frozen=True, slots=True)
class Moved:
    """A stream that was lost, or is back: its calls have to hear of it, then it is `settled`."""

    stream: StreamId
    is_connected: bool
    calls: Sequence[str]


@dataclass(frozen=True, slots=True)
class Due:
    """What the clock asks for. `next_at` is when to ask again, None for never."""

    calls: Sequence[str]
    sessions: Sequence[Over]
    next_at: float | None
    moved: Sequence[Moved] = ()


class Backend(Protocol):
    """The one place that holds state.

    Every method raises FencedError for a stream that a newer one has replaced, or
    whose session is over (RevokedError if a service has ended it); SessionLostError for
    one that the backend knows nothing of any more; and BackendAwayError while the backend
    cannot be reached.
    """

    @property
    def sweep_interval(self) -> float | None:
        """How often to ask `due` whatever was last said, in seconds: other nodes may be dead."""

    @property
    def archive(self) -> Archive:
        """What it can tell other services."""

    async def start(self, tell_health: Callable[[bool], None], /) -> None:
        """Begin, before anything else is asked.

        `tell_health` is called with False when the backend cannot be reached, and with
        True when it can be again.
        """

    async def close(self) -> None:
        """End; nothing is asked any more."""

    async def attach(self, visit: Visit) -> Attached | Over:
        """Let a new stream of a device count, from its hello; the one before counts no more.

        Over: the old session cannot go on; tell its calls, call `end`, and attach again.

        Raises:
            TooManyDevicesError: the user has as many connected devices as allowed.
            RevokedError: what it comes in with was revoked.
        """

    async def detach(self, stream: StreamId) -> Sequence[str]:
        """The stream is lost: returns the calls to tell, none if it counted no more.

        The session lives on for the resume window. Until `settle` says that the calls
        have been told, `due` asks for it: the node may die in between.
        """

    async def settle(self, moved: Moved, /) -> None:
        """The calls of a stream that was lost, or is back, have been told."""

    async def revoke(self, device: Device) -> Over | None:
        """Let tokens of a device that were issued before now be no good, and its session over.

        Returns the session, if there is one: tell its calls, and call `end`.
        """

    async def revoked_at(self, device: Device) -> float:
        """When tokens of a device were revoked last; seconds, 0 for never."""

    async def end(self, over: Over) -> None:
        """Forget a session whose calls have been told; keep the ends it has not heard."""

    async def apply(self, step: Step) -> Applied:
        """Read, decide, and write, all at once.

        Raises:
            AckTooHighError: `sender.ack` is above what was sent; nothing has changed.
            MailboxFullError: the sender leaves too many errors unacknowledged; nothing
                but its `ack` has been applied.
        """

    async def relay(self, sender: Sender, request: pb.ConnectRequest) -> Applied | None:
        """Apply the request if `relaying.forward` can; None: nothing has happened, `apply` it.

        Raises:
            AckTooHighError, MailboxFullError: as `apply`.
        """

    async def read(self, stream: StreamId, after: int) -> Sequence[Entry]:
        """What the device has to be sent above seq `after`, in order."""

    async def take(self, bucket: str, rate: Rate, credit: float = 0.0) -> float:
        """Take a token of a bucket that all nodes share: see `TokenBucket.take`."""

    def live_calls(self) -> Mapping[State, int] | None:
        """How many calls are in each of `LIVE_STATES`, at all nodes together; for any thread.

        It may be some seconds old; None while the backend cannot be reached.
        """

    def depths(self) -> Sequence[int]:
        """How many messages each device that is connected to this node has not acknowledged.

        For any thread.
        """

    async def due(self) -> Due:
        """The calls with a passed deadline, the sessions whose window is over, streams to tell of.

        A session that is returned is over from then on.
        """
