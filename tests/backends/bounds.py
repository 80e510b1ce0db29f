"""Bounds: every queue stays within its own, and full has a name."""

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.backends.base import Sender, Step
from signaling_service.core.errors import (
    MailboxFullError,
    WrongStateError,
)
from signaling_service.core.mailbox import ERRORS
from signaling_service.core.model import Call, Delivery, Directory, Outcome
from tests.backends.cell import (
    Cell,
    Stream,
    a_ringing_call,
    connect,
    keep,
)
from tests.core.events import (
    app_message_from,
    offer_from,
)
from tests.core.names import ALICE, PHONE


class BoundContract:
    """What every backend promises of mailboxes that nobody reads."""

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
