"""A backend under test, and the streams of devices that use it."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from signaling.v1 import signaling_pb2 as pb

from signaling_service.backends.base import (
    Applied,
    Attached,
    Backend,
    Moved,
    Over,
    Sender,
    Step,
    StreamId,
    Visit,
)
from signaling_service.core.call import handle
from signaling_service.core.mailbox import Entry
from signaling_service.core.model import Call, Device, Directory, Event, Outcome
from signaling_service.core.rules import Limits, Rules
from tests.core.events import (
    CLOCK,
    answer_from,
    attached,
    detached,
    gone,
    offer_from,
)
from tests.core.names import ALICE, CALL_ID, PHONE

RULES = Rules(
    ring_timeout=60.0,
    resume_window=120.0,
    limits=Limits(unacked_messages=5, unacked_bytes=100_000, devices_per_user=3),
)


class Cell(Protocol):
    """A backend under test, with a clock to move."""

    @property
    def backend(self) -> Backend:
        """It."""

    async def advance(self, seconds: float) -> None:
        """Let time pass."""

    async def leftovers(self) -> Sequence[str]:
        """Names of whatever it still holds; empty at rest."""


class Stream:
    """A device's stream, as the service holds it."""

    def __init__(self, cell: Cell, device: Device) -> None:
        self.cell = cell
        self.device = device
        self.wakes = 0
        self.woken = asyncio.Event()
        self.attached: Attached | None = None
        self._seq = 0

    @property
    def id(self) -> StreamId:
        """Which stream it is."""
        return self.hello.stream

    @property
    def hello(self) -> Attached:
        """What the attach said."""
        assert self.attached is not None
        return self.attached

    async def read(self, after: int = 0) -> Sequence[Entry]:
        """What it has to be sent."""
        return await self.cell.backend.read(self.id, after)

    async def responses(self, after: int = 0) -> list[pb.ConnectResponse]:
        """The same, as messages."""
        return [pb.ConnectResponse.FromString(entry.body) for entry in await self.read(after)]

    async def send(self, event: Event, *, ack: int = 0) -> Applied:
        """Let the next request of the device happen to its call."""
        self._seq = max(self._seq, self.hello.received) + 1
        sender = Sender(self.id, self._seq, ack)
        event = event._replace(device=self.device, session=self.id.session)
        return await happens(self.cell, event, sender)

    async def ack(self, seq: int) -> None:
        """Acknowledge what came, with no request."""
        await self.cell.backend.apply(Step("", keep, Sender(self.id, 0, seq)))

    def wake(self) -> None:
        """There may be something to read."""
        self.wakes += 1
        self.woken.set()


def keep(call: Call | None, _directory: Directory, _now: float) -> Outcome:
    """Change nothing."""
    return Outcome(call)


async def happens(cell: Cell, event: Event, sender: Sender | None = None) -> Applied:
    """Let an event happen to the call that it names."""

    def decide(call: Call | None, directory: Directory, now: float) -> Outcome:
        return handle(call, event, directory, now, RULES)

    call_id = event.request.call_id or CALL_ID
    users = (event.device.user_id, "bob", "alice") if event.device else ()
    return await cell.backend.apply(Step(call_id, decide, sender, users))


async def hello(
    cell: Cell, device: Device, session_id: str | None = None, ack: int = 0
) -> Stream | Over:
    """What the backend makes of a hello."""
    stream = Stream(cell, device)
    request = pb.ConnectRequest(ack=ack, hello=pb.Hello(session_id=session_id))
    found = await cell.backend.attach(Visit(device, request, stream.wake))
    if isinstance(found, Over):
        return found
    stream.attached = found
    return stream


async def connect(
    cell: Cell, device: Device, session_id: str | None = None, ack: int = 0
) -> Stream:
    """A stream of the device that counts; an old session that cannot go on is ended."""
    while isinstance(found := await hello(cell, device, session_id, ack), Over):
        await end(cell, found)
    for call_id in found.hello.calls:
        await step_of(cell, call_id, attached(device, found.id.session))
    return found


async def step_of(cell: Cell, call_id: str, event: Event) -> Applied:
    """Let a session's fate happen to one call."""
    return await happens(cell, event._replace(request=pb.ConnectRequest(call_id=call_id)))


async def drop(stream: Stream) -> None:
    """Lose the stream."""
    calls = await stream.cell.backend.detach(stream.id)
    for call_id in calls:
        await step_of(stream.cell, call_id, detached(stream.device, stream.id.session))
    await stream.cell.backend.settle(Moved(stream.id, is_connected=False, calls=calls))


async def end(cell: Cell, over: Over) -> None:
    """Tell the calls of a session that is over, and forget it."""
    for call_id in over.calls:
        await step_of(cell, call_id, gone(over.device, over.session))
    await cell.backend.end(over)


async def sweep(cell: Cell) -> None:
    """Do all that is due."""
    due = await cell.backend.due()
    for call_id in due.calls:
        await step_of(cell, call_id, CLOCK)
    for over in due.sessions:
        await end(cell, over)


async def a_ringing_call(cell: Cell) -> tuple[Stream, Stream]:
    """Alice calls Bob's phone."""
    alice, phone = await connect(cell, ALICE), await connect(cell, PHONE)
    await alice.send(offer_from(ALICE))
    return alice, phone


async def an_answered_call(cell: Cell) -> tuple[Stream, Stream]:
    """Bob's phone has answered, and both have acknowledged all of it."""
    alice, phone = await a_ringing_call(cell)
    await phone.send(answer_from(PHONE))
    await alice.ack(1)
    await phone.ack(2)
    return alice, phone


def kinds(entries: Sequence[Entry]) -> list[str]:
    """What the messages are."""
    return [entry.kind for entry in entries]
