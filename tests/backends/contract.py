"""What every backend promises. A backend's test module subclasses this and provides `cell`."""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.backends.base import Applied, Attached, Backend, Over, Sender, Step, StreamId
from signaling_service.core.call import handle
from signaling_service.core.errors import (
    AckTooHighError,
    FencedError,
    MailboxFullError,
    TooManyDevicesError,
    WrongStateError,
)
from signaling_service.core.mailbox import ERRORS, Entry
from signaling_service.core.model import Call, Delivery, Device, Directory, Event, Outcome, State
from signaling_service.core.rules import ENDED_MEMORY, MAX_CALL_AGE, Limits, Rules
from tests.core.deliveries import the_end
from tests.core.events import (
    CLOCK,
    answer_from,
    app_message_from,
    attached,
    detached,
    gone,
    hangup_from,
    offer_from,
    reject_from,
)
from tests.core.names import ALICE, ALICES_PHONE, CALL_ID, MALLORY, PHONE, TABLET

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
        self._seq += 1
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
    found = await cell.backend.attach(device, request, stream.wake)
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
    for call_id in await stream.cell.backend.detach(stream.id):
        await step_of(stream.cell, call_id, detached(stream.device, stream.id.session))


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


class BackendContract:
    """Every promise of `Backend`."""

    # sessions

    async def test_hello_opens_a_session(self, cell: Cell) -> None:
        """Fresh, empty, and with a secret of its own."""
        alice, phone = await connect(cell, ALICE), await connect(cell, PHONE)

        assert (alice.hello.is_resumed, alice.hello.received, alice.hello.acked) == (False, 0, 0)
        assert (list(alice.hello.calls), dict(alice.hello.unheard)) == ([], {})
        assert alice.hello.session_id != phone.hello.session_id
        assert len(alice.hello.session_id) * 6 >= 128
        assert list(await alice.read()) == []

    async def test_session_outlives_its_stream(self, cell: Cell) -> None:
        """A resume finds what was processed, what was acknowledged, and what came meanwhile."""
        alice, phone = await a_ringing_call(cell)
        await drop(alice)
        await phone.send(answer_from(PHONE))

        again = await connect(cell, ALICE, alice.hello.session_id)

        assert again.hello.is_resumed
        assert (again.hello.received, again.hello.acked) == (1, 0)
        assert (again.id.session, again.hello.session_id) == (
            alice.id.session,
            alice.hello.session_id,
        )
        assert kinds(await again.read()) == ["answer"]

    async def test_resume_acknowledges(self, cell: Cell) -> None:
        """Up to the ack of the hello; the rest comes again, under the same numbers."""
        alice, phone = await a_ringing_call(cell)
        for body in (b"one", b"two", b"three"):
            await phone.send(app_message_from(PHONE, body))
        before = await alice.read()
        await drop(alice)

        again = await connect(cell, ALICE, alice.hello.session_id, ack=2)

        assert again.hello.acked == 2
        assert list(await again.read(2)) == list(before[2:])

    async def test_resume_with_a_lower_ack_is_still_a_resume(self, cell: Cell) -> None:
        """What is acknowledged stays so."""
        alice, phone = await a_ringing_call(cell)
        await phone.send(app_message_from(PHONE))
        await alice.ack(1)

        again = await connect(cell, ALICE, alice.hello.session_id, ack=0)

        assert (again.hello.is_resumed, again.hello.acked) == (True, 1)

    async def test_resume_with_an_ack_too_high_is_none(self, cell: Cell) -> None:
        """The backend has lost data, or the device remembers another session."""
        alice = await connect(cell, ALICE)

        assert isinstance(await hello(cell, ALICE, alice.hello.session_id, ack=1), Over)

    @pytest.mark.parametrize("session_id", [None, "", "wrong"])
    async def test_other_hello_ends_the_session(self, cell: Cell, session_id: str | None) -> None:
        """A device that remembers nothing, or something else, starts anew."""
        alice = await connect(cell, ALICE)

        over = await hello(cell, ALICE, session_id)

        assert over == Over(ALICE, alice.id.session, [])
        await cell.backend.end(over)
        again = await connect(cell, ALICE, session_id)
        assert not again.hello.is_resumed
        assert again.hello.session_id != alice.hello.session_id
        assert again.id.session > alice.id.session

    async def test_session_id_is_good_for_its_device_alone(self, cell: Cell) -> None:
        """Whoever else has it gets a session of their own."""
        alice = await connect(cell, ALICE)

        phone = await connect(cell, ALICES_PHONE, alice.hello.session_id)

        assert not phone.hello.is_resumed
        assert list(await alice.read()) == []

    async def test_session_that_is_over_names_its_calls(self, cell: Cell) -> None:
        """Those that may concern it: its own, and all that ring at its user."""
        alice, phone = await a_ringing_call(cell)

        for device in (alice, phone):
            over = await hello(cell, device.device)
            assert over == Over(device.device, device.id.session, [CALL_ID])

    # fences

    async def test_newest_stream_counts(self, cell: Cell) -> None:
        """The one before is woken, and can do nothing from that instant."""
        old = await connect(cell, ALICE)
        wakes = old.wakes

        new = await connect(cell, ALICE, old.hello.session_id)

        assert new.id.fence > old.id.fence
        assert old.wakes > wakes
        for action in (old.read, lambda: old.send(offer_from(ALICE)), lambda: old.ack(0)):
            with pytest.raises(FencedError):
                await action()
        assert list(await cell.backend.detach(old.id)) == []
        assert list(await new.read()) == []

    async def test_replaced_stream_leaves_no_trace(self, cell: Cell) -> None:
        """Its request is neither processed nor recorded."""
        old = await connect(cell, ALICE)
        new = await connect(cell, ALICE, old.hello.session_id)
        with pytest.raises(FencedError):
            await old.send(offer_from(ALICE))

        again = await connect(cell, ALICE, new.hello.session_id)

        assert again.hello.received == 0
        assert (await step_of(cell, CALL_ID, CLOCK)).outcome.call is None

    async def test_late_drop_of_a_replaced_stream_is_no_drop(self, cell: Cell) -> None:
        """The device stays connected."""
        old = await connect(cell, PHONE)
        await connect(cell, PHONE, old.hello.session_id)
        await drop(old)

        alice = await connect(cell, ALICE)
        outcome = (await alice.send(offer_from(ALICE))).outcome

        assert [delivery.device for delivery in outcome.deliveries] == [PHONE]

    async def test_stream_of_a_session_that_is_over_counts_no_more(self, cell: Cell) -> None:
        """From the hello that voids it, before its calls have been told."""
        alice = await connect(cell, ALICE)
        wakes = alice.wakes

        await hello(cell, ALICE)

        assert alice.wakes > wakes
        with pytest.raises(FencedError):
            await alice.send(offer_from(ALICE))
        with pytest.raises(FencedError):
            await alice.read()

    async def test_dropped_stream_is_not_connected(self, cell: Cell) -> None:
        """Its device is passed over by offers, its mailbox is not."""
        alice, phone = await a_ringing_call(cell)
        await drop(phone)
        await alice.send(app_message_from(ALICE))
        mallory = await connect(cell, MALLORY)

        outcome = (await mallory.send(offer_from(MALLORY, call_id="other"))).outcome

        assert [delivery.device for delivery in outcome.deliveries] == [MALLORY]
        again = await connect(cell, PHONE, phone.hello.session_id)
        assert kinds(await again.read())[:2] == ["offer", "app_message"]

    async def test_drop_names_the_calls_to_tell(self, cell: Cell) -> None:
        """Those of the device; none the second time."""
        alice, _ = await an_answered_call(cell)

        assert list(await cell.backend.detach(alice.id)) == [CALL_ID]

    # room

    async def test_user_has_so_many_connected_devices(self, cell: Cell) -> None:
        """One more is turned away; those that are there may come again."""
        streams = [await connect(cell, Device("alice", f"d{number}")) for number in range(3)]

        with pytest.raises(TooManyDevicesError):
            await connect(cell, ALICE)

        await connect(cell, streams[0].device, streams[0].hello.session_id)
        await connect(cell, streams[1].device)
        await connect(cell, PHONE)

    async def test_dropped_device_makes_room(self, cell: Cell) -> None:
        """Only connected devices count."""
        streams = [await connect(cell, Device("alice", f"d{number}")) for number in range(3)]
        await drop(streams[0])

        await connect(cell, ALICE)

        with pytest.raises(TooManyDevicesError):
            await connect(cell, streams[0].device, streams[0].hello.session_id)

    # steps

    async def test_step_is_kept(self, cell: Cell) -> None:
        """The next step of the call sees what the last one made of it."""
        alice, _ = await a_ringing_call(cell)

        call = (await step_of(cell, CALL_ID, CLOCK)).outcome.call

        assert call is not None
        assert (call.state, call.caller.device) == (State.RINGING, alice.device)

    async def test_calls_are_apart(self, cell: Cell) -> None:
        """A step sees the call that it names."""
        alice, _ = await a_ringing_call(cell)
        await alice.send(offer_from(ALICE, to="carol", call_id="other"))

        await alice.send(hangup_from(ALICE))

        other = (await step_of(cell, "other", CLOCK)).outcome.call
        assert other is not None
        assert other.state is State.RINGING

    async def test_step_that_fails_leaves_nothing(self, cell: Cell) -> None:
        """Neither a call nor a message nor a processed request."""
        alice = await connect(cell, ALICE)

        def decide(_call: Call | None, _directory: Directory, _now: float) -> Outcome:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await cell.backend.apply(Step(CALL_ID, decide, Sender(alice.id, 1, 0)))

        again = await connect(cell, ALICE, alice.hello.session_id)
        assert (again.hello.received, list(await again.read())) == (0, [])

    async def test_messages_are_numbered_for_each_device(self, cell: Cell) -> None:
        """1, 2, 3 … in the order of the steps, and of the deliveries within one."""
        alice, phone = await a_ringing_call(cell)
        await phone.send(app_message_from(PHONE, b"one"))
        await phone.send(answer_from(PHONE))
        await phone.send(app_message_from(PHONE, b"two"))

        read = await alice.read()

        assert [(entry.seq, entry.kind) for entry in read] == [
            (1, "app_message"),
            (2, "answer"),
            (3, "app_message"),
        ]
        assert [entry.seq for entry in await phone.read()] == [1, 2]

    async def test_message_is_kept_as_it_was_decided(self, cell: Cell) -> None:
        """Its bytes, the call it counts for, and an offer's deadline."""
        alice, phone = await a_ringing_call(cell)
        outcome = (await phone.send(app_message_from(PHONE, b"\0\xff"))).outcome

        (offer,) = await phone.read()
        (message,) = await alice.read()

        call = (await step_of(cell, CALL_ID, CLOCK)).outcome.call
        assert call is not None
        assert offer.ring_deadline == pytest.approx(call.ring_deadline, abs=0.001)
        assert (message.bucket, message.kind, message.ring_deadline) == (
            CALL_ID,
            "app_message",
            None,
        )
        assert [pb.ConnectResponse.FromString(message.body)] == [
            delivery.response for delivery in outcome.deliveries
        ]

    async def test_delivery_wakes_the_stream(self, cell: Cell) -> None:
        """There is something to read."""
        alice, phone = await a_ringing_call(cell)
        alice.woken.clear()

        await phone.send(app_message_from(PHONE))

        await alice.woken.wait()

    async def test_reading_takes_nothing_out(self, cell: Cell) -> None:
        """Only an ack does."""
        alice, phone = await a_ringing_call(cell)
        for _ in range(3):
            await phone.send(app_message_from(PHONE))

        assert await alice.read() == await alice.read()
        assert [entry.seq for entry in await alice.read(2)] == [3]

    async def test_ack_is_cumulative(self, cell: Cell) -> None:
        """A lower one that comes later is ignored."""
        alice, phone = await a_ringing_call(cell)
        for _ in range(3):
            await phone.send(app_message_from(PHONE))
        await alice.ack(2)
        await alice.ack(1)

        assert [entry.seq for entry in await alice.read()] == [3]

    async def test_ack_may_come_with_a_request(self, cell: Cell) -> None:
        """Also with one that is refused."""
        alice, phone = await a_ringing_call(cell)
        await phone.send(app_message_from(PHONE))

        outcome = (await alice.send(reject_from(ALICE), ack=1)).outcome

        assert isinstance(outcome.refusal, WrongStateError)
        assert list(await alice.read()) == []

    async def test_ack_above_what_was_sent_is_refused(self, cell: Cell) -> None:
        """With all that came with it."""
        alice, phone = await a_ringing_call(cell)
        await phone.send(app_message_from(PHONE))

        with pytest.raises(AckTooHighError):
            await alice.send(hangup_from(ALICE), ack=2)

        assert kinds(await alice.read()) == ["app_message"]
        assert kinds(await phone.read()) == ["offer"]

    async def test_refused_request_counts_as_processed(self, cell: Cell) -> None:
        """To try again takes a new seq."""
        alice, _ = await a_ringing_call(cell)
        await alice.send(reject_from(ALICE))

        again = await connect(cell, ALICE, alice.hello.session_id)

        assert again.hello.received == 2

    async def test_unnumbered_request_is_not_recorded(self, cell: Cell) -> None:
        """Processed, never deduplicated."""
        alice = await connect(cell, ALICE)
        offer = offer_from(ALICE)._replace(session=alice.id.session)
        await happens(cell, offer, Sender(alice.id, 0, 0))

        again = await connect(cell, ALICE, alice.hello.session_id)

        assert again.hello.received == 0
        assert kinds(await again.read()) == ["progress"]

    # what a step may look up

    async def seen(self, cell: Cell, user_id: str) -> Any:
        """A user, as a step sees it."""
        found: list[Any] = []

        def decide(call: Call | None, directory: Directory, _now: float) -> Outcome:
            user = directory.user(user_id)
            found[:] = [
                {device_id: one.is_connected for device_id, one in user.sessions.items()},
                dict(user.placed),
                dict(user.received),
            ]
            return Outcome(call)

        await cell.backend.apply(Step("", decide, users=(user_id,)))
        return found

    async def test_nobody_is_an_empty_user(self, cell: Cell) -> None:
        """An id that nobody knows is like one whose devices are all away."""
        assert await self.seen(cell, "nobody") == [{}, {}, {}]

    async def test_step_sees_sessions_and_live_calls(self, cell: Cell) -> None:
        """Who is connected, who called, and who answered: "" while it rings."""
        alice, phone = await a_ringing_call(cell)
        assert await self.seen(cell, "alice") == [{"laptop": True}, {CALL_ID: "laptop"}, {}]
        assert await self.seen(cell, "bob") == [{"phone": True}, {}, {CALL_ID: ""}]

        await phone.send(answer_from(PHONE))
        await drop(phone)
        assert await self.seen(cell, "bob") == [{"phone": False}, {}, {CALL_ID: "phone"}]

        await alice.send(hangup_from(ALICE))
        assert await self.seen(cell, "alice") == [{"laptop": True}, {}, {}]
        assert await self.seen(cell, "bob") == [{"phone": False}, {}, {}]

    async def test_step_sees_the_other_calls_of_its_users(self, cell: Cell) -> None:
        """As they are."""
        await a_ringing_call(cell)
        states: list[State] = []

        def decide(call: Call | None, directory: Directory, _now: float) -> Outcome:
            states.extend(
                directory.call(call_id).state for call_id in directory.user("bob").received
            )
            return Outcome(call)

        await cell.backend.apply(Step("", decide, users=("bob",)))

        assert states == [State.RINGING]

    async def test_primary_is_the_device_last_used(self, cell: Cell) -> None:
        """A request makes a device active, a hello or an ack does not."""
        alice, phone = await a_ringing_call(cell)
        await cell.advance(1)
        await phone.send(app_message_from(PHONE))
        await cell.advance(1)
        tablet = await connect(cell, TABLET)
        await tablet.ack(0)

        outcome = (
            await alice.send(offer_from(ALICE, call_id="other", routing=pb.ROUTING_PRIMARY_DEVICE))
        ).outcome

        assert [delivery.device for delivery in outcome.deliveries] == [PHONE]

    async def test_hello_names_the_calls_that_may_concern_it(self, cell: Cell) -> None:
        """Its own, and all that ring at its user; not those of another device."""
        alice, phone = await a_ringing_call(cell)
        assert list((await connect(cell, TABLET)).hello.calls) == [CALL_ID]
        assert list((await connect(cell, ALICES_PHONE)).hello.calls) == []

        await phone.send(answer_from(PHONE))

        for stream in (alice, phone):
            again = await connect(cell, stream.device, stream.hello.session_id)
            assert list(again.hello.calls) == [CALL_ID]
        tablet = await connect(cell, TABLET, "again")
        assert list(tablet.hello.calls) == []

    # bounds

    async def test_device_that_leaves_too_much_of_a_call_is_named(self, cell: Cell) -> None:
        """With the message that exceeds the bound, and every one after it."""
        alice, phone = await a_ringing_call(cell)
        full = [(await alice.send(app_message_from(ALICE))).full for _ in range(6)]

        assert [tuple(each) for each in full] == [(), (), (), (), (PHONE,), (PHONE,)]
        assert len(await phone.read()) == 7

    async def test_bytes_are_bounded_too(self, cell: Cell) -> None:
        """Whichever comes first."""
        alice, _ = await a_ringing_call(cell)
        applied = await alice.send(app_message_from(ALICE, b"x" * 100_001))

        assert tuple(applied.full) == (PHONE,)

    async def test_ack_makes_room(self, cell: Cell) -> None:
        """A device that listens is never full."""
        alice, phone = await a_ringing_call(cell)
        for seq in range(1, 20):
            assert tuple((await alice.send(app_message_from(ALICE))).full) == ()
            await phone.ack(seq)

    async def test_other_calls_feel_nothing(self, cell: Cell) -> None:
        """The bound is that of one call at one device."""
        alice, _ = await a_ringing_call(cell)
        for _ in range(6):
            await alice.send(app_message_from(ALICE))

        applied = await alice.send(offer_from(ALICE, call_id="other"))

        assert tuple(applied.full) == ()

    async def refused(self, stream: Stream, seq: int) -> None:
        """A request that is answered with an error."""

        def decide(call: Call | None, _directory: Directory, _now: float) -> Outcome:
            error = pb.ConnectResponse(error=pb.RequestError(in_reply_to=seq))
            return Outcome(call, (Delivery(stream.device, error),), WrongStateError("no"))

        await stream.cell.backend.apply(Step("", decide, Sender(stream.id, seq, 0)))

    async def test_errors_are_bounded(self, cell: Cell) -> None:
        """A device that reads none of them is told of no more, and may go on once it has."""
        alice = await connect(cell, ALICE)
        for seq in range(1, 7):
            await self.refused(alice, seq)
        with pytest.raises(MailboxFullError):
            await self.refused(alice, 7)
        assert [entry.bucket for entry in await alice.read()] == [ERRORS] * 6

        await alice.ack(3)
        await self.refused(alice, 7)

        again = await connect(cell, ALICE, alice.hello.session_id)
        assert again.hello.received == 7

    async def test_device_with_too_many_errors_may_acknowledge_them(self, cell: Cell) -> None:
        """An ack makes room, also one that comes with the next request."""
        alice = await connect(cell, ALICE)
        for seq in range(1, 7):
            await self.refused(alice, seq)

        await cell.backend.apply(Step("", keep, Sender(alice.id, 7, 1)))

        assert [entry.seq for entry in await alice.read()] == [2, 3, 4, 5, 6]

    # time

    async def test_nothing_is_due_at_rest(self, cell: Cell) -> None:
        """And nobody has to ask again."""
        await connect(cell, ALICE)

        due = await cell.backend.due()

        assert (list(due.calls), list(due.sessions), due.next_at) == ([], [], None)

    async def test_call_is_due_at_its_deadline(self, cell: Cell) -> None:
        """Not before; until somebody has driven it, or it would be lost with the node."""
        await a_ringing_call(cell)
        await cell.advance(59)
        early = await cell.backend.due()
        await cell.advance(2)

        due = await cell.backend.due()

        assert (list(early.calls), list(due.calls)) == ([], [CALL_ID])
        assert early.next_at is not None

    async def test_call_that_was_answered_rings_out_no_more(self, cell: Cell) -> None:
        """The deadline that counts is that of the call as it is."""
        await an_answered_call(cell)
        await cell.advance(100)

        assert list((await cell.backend.due()).calls) == []

    async def test_ended_call_is_forgotten(self, cell: Cell) -> None:
        """Ten minutes after its end."""
        alice, _ = await a_ringing_call(cell)
        await alice.send(hangup_from(ALICE))
        await cell.advance(ENDED_MEMORY + 1)
        await sweep(cell)

        refusal = (await alice.send(hangup_from(ALICE))).outcome.refusal

        assert refusal is not None
        assert refusal.code == pb.ERROR_CODE_CALL_NOT_FOUND

    async def test_session_ends_with_its_window(self, cell: Cell) -> None:
        """Not before; and from then on it is over."""
        alice = await connect(cell, ALICE)
        await drop(alice)
        await cell.advance(119)
        early = await cell.backend.due()
        await cell.advance(2)

        due = await cell.backend.due()

        assert list(early.sessions) == []
        assert list(due.sessions) == [Over(ALICE, alice.id.session, [])]
        assert isinstance(await hello(cell, ALICE, alice.hello.session_id), Over)

    async def test_session_is_due_once(self, cell: Cell) -> None:
        """However often its stream was lost, and however late the sweep is."""
        alice = await connect(cell, ALICE)
        await drop(alice)
        await drop(await connect(cell, ALICE, alice.hello.session_id))
        await cell.advance(121)

        assert [over.device for over in (await cell.backend.due()).sessions] == [ALICE]

    async def test_session_that_was_resumed_does_not_end(self, cell: Cell) -> None:
        """Nor one that was dropped again meanwhile, until its new window is over."""
        alice = await connect(cell, ALICE)
        await drop(alice)
        await cell.advance(100)
        again = await connect(cell, ALICE, alice.hello.session_id)
        await cell.advance(10)
        await drop(again)
        await cell.advance(100)
        early = await cell.backend.due()
        await cell.advance(30)

        assert list(early.sessions) == []
        assert [over.device for over in (await cell.backend.due()).sessions] == [ALICE]

    async def test_session_that_is_over_ends_its_calls(self, cell: Cell) -> None:
        """With what the sweep finds."""
        alice, phone = await an_answered_call(cell)
        await drop(alice)
        await cell.advance(121)
        await sweep(cell)

        assert [response.ended for response in (await phone.responses())[-1:]] == [
            the_end(pb.END_REASON_PEER_GONE, ALICE)
        ]

    # ends that nobody heard

    async def unheard(self, cell: Cell) -> dict[str, pb.CallEnded]:
        """What Alice's next hello says of the calls of her old session."""
        return dict((await connect(cell, ALICE)).hello.unheard)

    async def test_ends_that_were_not_heard_come_with_the_next_session(self, cell: Cell) -> None:
        """That is their one `ended`: it is told once."""
        alice, _ = await an_answered_call(cell)
        await drop(alice)
        await cell.advance(121)
        await sweep(cell)

        again = await connect(cell, ALICE)

        assert dict(again.hello.unheard) == {CALL_ID: the_end(pb.END_REASON_PEER_GONE, ALICE)}
        assert list(await again.read()) == []
        await again.send(hangup_from(ALICE))
        assert await self.unheard(cell) == {}

    async def test_ends_that_were_acknowledged_are_not_told_again(self, cell: Cell) -> None:
        """The device has heard them."""
        alice, phone = await an_answered_call(cell)
        await phone.send(hangup_from(PHONE))
        await alice.ack(2)

        assert await self.unheard(cell) == {}

    async def test_welcome_that_may_be_lost_is_said_again(self, cell: Cell) -> None:
        """A session of which nothing ever came may never have had its welcome."""
        alice, phone = await an_answered_call(cell)
        await phone.send(hangup_from(PHONE))
        truth = {CALL_ID: the_end(pb.END_REASON_HANGUP, PHONE)}

        assert await self.unheard(cell) == truth
        assert await self.unheard(cell) == truth
        del alice

    async def test_unheard_ends_are_kept_for_ten_minutes(self, cell: Cell) -> None:
        """Like the calls themselves."""
        alice, phone = await an_answered_call(cell)
        await phone.send(hangup_from(PHONE))
        await drop(alice)
        await cell.advance(121)
        await sweep(cell)
        await cell.advance(ENDED_MEMORY + 1)
        await sweep(cell)

        assert await self.unheard(cell) == {}

    async def test_session_ends_once(self, cell: Cell) -> None:
        """Two nodes may find the same session over: the second end does nothing."""
        alice, phone = await an_answered_call(cell)
        await phone.send(hangup_from(PHONE))
        over = await hello(cell, ALICE)
        assert isinstance(over, Over)
        await end(cell, over)

        await end(cell, over)

        assert set(await self.unheard(cell)) == {CALL_ID}
        del alice

    async def test_late_end_spares_the_next_session(self, cell: Cell) -> None:
        """It is about the session that it names."""
        await connect(cell, ALICE)
        over = await hello(cell, ALICE)
        assert isinstance(over, Over)
        await end(cell, over)
        again = await connect(cell, ALICE)

        await end(cell, over)

        assert list(await again.read()) == []

    # at rest

    async def test_nothing_is_left_at_rest(self, cell: Cell) -> None:
        """Once all are gone and all is forgotten: no user, call, session, key or reminder."""
        alice, phone = await an_answered_call(cell)
        tablet = await connect(cell, TABLET)
        await alice.send(offer_from(ALICE, call_id="other"))
        await tablet.send(reject_from(TABLET)._replace(request=pb.ConnectRequest(call_id="other")))
        await phone.send(hangup_from(PHONE))
        for stream in (alice, phone, tablet):
            await drop(stream)
        await cell.advance(121)
        await sweep(cell)
        await cell.advance(ENDED_MEMORY + 121)
        await sweep(cell)
        await cell.advance(MAX_CALL_AGE)  # the longest reminder of a call that was answered
        await sweep(cell)

        assert list(await cell.leftovers()) == []

    async def test_refused_first_offer_leaves_nothing(self, cell: Cell) -> None:
        """There is no call, and nobody is due."""
        alice = await connect(cell, ALICE)
        await alice.send(offer_from(ALICE, at=ALICE))
        await drop(alice)
        await cell.advance(121)
        await sweep(cell)

        assert list(await cell.leftovers()) == []
