"""Steps: all of one or nothing, and what one may look up."""

from typing import Any

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.backends.base import Sender, Step
from signaling_service.core.errors import (
    AckTooHighError,
    WrongStateError,
)
from signaling_service.core.model import Call, Directory, Outcome, State
from tests.backends.cell import (
    Cell,
    a_ringing_call,
    connect,
    drop,
    happens,
    kinds,
    step_of,
)
from tests.core.events import (
    CLOCK,
    answer_from,
    app_message_from,
    hangup_from,
    offer_from,
    reject_from,
)
from tests.core.names import ALICE, ALICES_PHONE, CALL_ID, PHONE, TABLET


class StepContract:
    """What every backend promises of steps."""

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
