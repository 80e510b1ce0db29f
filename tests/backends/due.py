"""Time: what is due and when, ends that nobody heard, and what is left at rest."""

from signaling.v1 import signaling_pb2 as pb

from signaling_service.backends.base import Over
from signaling_service.core.rules import ENDED_MEMORY, MAX_CALL_AGE
from tests.backends.cell import (
    Cell,
    a_ringing_call,
    an_answered_call,
    connect,
    drop,
    end,
    hello,
    sweep,
)
from tests.core.deliveries import the_end
from tests.core.events import (
    hangup_from,
    offer_from,
    reject_from,
)
from tests.core.names import ALICE, CALL_ID, PHONE, TABLET


class TimeContract:
    """What every backend promises as time goes by."""

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

    async def test_call_that_rang_out_long_ago_is_over_and_forgotten(self, cell: Cell) -> None:
        """In one step, if the sweep is that late; its users have no trace of it."""
        alice, phone = await a_ringing_call(cell)
        await cell.advance(60 + ENDED_MEMORY + 1)
        await sweep(cell)

        assert [response.ended for response in (await alice.responses())] == [
            the_end(pb.END_REASON_NO_ANSWER)
        ]
        for stream in (alice, phone):
            again = await connect(cell, stream.device, stream.hello.session_id)
            assert list(again.hello.calls) == []

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
