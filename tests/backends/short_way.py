"""Relaying candidates the short way: the same as a step, or nothing."""

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.backends.base import Applied, Sender
from signaling_service.core.errors import (
    AckTooHighError,
    FencedError,
)
from tests.backends.cell import (
    Cell,
    Stream,
    a_ringing_call,
    an_answered_call,
    connect,
    kinds,
    step_of,
)
from tests.core.events import (
    CLOCK,
    answer_from,
    app_message_from,
    candidates_from,
)
from tests.core.names import ALICE, CALL_ID, PHONE, line

A_CANDIDATE = pb.IceCandidate(candidate=line(), username_fragment="caller-1")


class ShortWayContract:
    """What every backend promises of `relay`."""

    async def relayed(self, stream: Stream, seq: int, ack: int = 0) -> Applied | None:
        """Send a candidate of the newest generation the short way."""
        event = candidates_from(stream.device, A_CANDIDATE)
        sender = Sender(stream.id, seq, ack)
        return await stream.cell.backend.relay(sender, event.request)

    async def test_candidates_take_the_short_way(self, cell: Cell) -> None:
        """With all that a step does: the message, the processed seq, the ack."""
        alice, phone = await an_answered_call(cell)
        await phone.send(app_message_from(PHONE))

        applied = await self.relayed(alice, 2, ack=2)

        assert applied is not None
        assert [pb.ConnectResponse.FromString(entry.body) for entry in await phone.read()] == [
            delivery.response for delivery in applied.outcome.deliveries
        ]
        again = await connect(cell, ALICE, alice.hello.session_id)
        assert (again.hello.received, again.hello.acked) == (2, 2)
        call = (await step_of(cell, CALL_ID, CLOCK)).outcome.call
        assert call is not None
        assert call.relay.counts[ALICE] == 1

    async def test_candidates_are_held_the_short_way(self, cell: Cell) -> None:
        """The caller's, until the answer; the call's trace tells of each."""
        alice, phone = await a_ringing_call(cell)

        assert await self.relayed(alice, 2) is not None
        assert await self.relayed(alice, 3) is not None
        assert kinds(await phone.read()) == ["offer"]

        await phone.send(answer_from(PHONE))
        assert kinds(await phone.read()) == ["offer", "progress", "candidates", "candidates"]
        again = await connect(cell, ALICE, alice.hello.session_id)
        assert again.hello.received == 3
        trace = await cell.backend.archive.trace(CALL_ID)
        steps = [entry.kind for entry in trace.entries] if trace is not None else []
        assert steps == ["offer", "candidates", "candidates", "answer"]

    async def test_short_way_is_not_for_all(self, cell: Cell) -> None:
        """Nothing has happened then, not even an ack."""
        _, phone = await a_ringing_call(cell)

        assert await self.relayed(phone, 1, ack=1) is None

        again = await connect(cell, PHONE, phone.hello.session_id)
        assert (again.hello.received, again.hello.acked) == (0, 0)

    async def test_short_way_leads_to_no_unknown_call(self, cell: Cell) -> None:
        """There is none to count for."""
        assert await self.relayed(await connect(cell, ALICE), 1) is None

    async def test_short_way_is_fenced(self, cell: Cell) -> None:
        """A replaced stream can do nothing, this way or the other."""
        alice, phone = await an_answered_call(cell)
        await connect(cell, ALICE, alice.hello.session_id)

        with pytest.raises(FencedError):
            await self.relayed(alice, 2)

        assert list(await phone.read()) == []

    async def test_short_way_refuses_an_ack_too_high(self, cell: Cell) -> None:
        """With all that came with it."""
        alice, phone = await an_answered_call(cell)

        with pytest.raises(AckTooHighError):
            await self.relayed(alice, 2, ack=9)

        assert list(await phone.read()) == []

    async def test_short_way_is_bounded(self, cell: Cell) -> None:
        """A device that stops listening is named."""
        alice, _ = await an_answered_call(cell)
        full = []
        for seq in range(2, 8):
            applied = await self.relayed(alice, seq)
            assert applied is not None
            full.append(tuple(applied.full))

        assert full == [(), (), (), (), (), (PHONE,)]
