"""An upgrade: this version goes on with what every version before it has stored."""

from collections.abc import AsyncIterator

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Device, Event, State
from tests.backends.cell import Stream, connect, kinds, step_of
from tests.backends.kept_state import CELL, LASTS, RANG_OUT, RINGING, STATES, TALKING, of, restore
from tests.backends.test_redis import RedisCell, running
from tests.core.events import CLOCK, answer_from, app_message_from, hangup_from
from tests.core.names import ALICE, ALICES_PHONE, MALLORY, PHONE, TABLET
from tests.valkey import Valkey


@pytest.fixture(params=sorted(path.stem for path in STATES.glob("*.json")))
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Valkey]:
    """An engine with what a version has left there."""
    async with Valkey() as valkey:
        await restore(valkey, request.param)
        yield valkey


@pytest.fixture
async def cell(engine: Valkey) -> AsyncIterator[RedisCell]:
    """A node of this version, at the time that it was left."""
    async with running(f"{engine.url}?cell={CELL}", engine) as cell:
        await cell.advance(LASTS)
        yield cell


async def resume(cell: RedisCell, engine: Valkey, device: Device) -> Stream:
    """The device comes back with what it remembers."""
    key = f"{{{CELL}}}:d:{device.user_id} {device.device_id}"
    session_id = await engine.run("HGET", key, "id")
    stream = await connect(cell, device, session_id.decode())
    assert stream.hello.is_resumed
    return stream


async def test_sessions_go_on(cell: RedisCell, engine: Valkey) -> None:
    """Each finds what it has not acknowledged."""
    heard = {
        device: kinds(await (await resume(cell, engine, device)).read())
        for device in (ALICE, ALICES_PHONE, PHONE, TABLET)
    }

    assert heard == {
        ALICE: ["progress"],
        ALICES_PHONE: ["answer", "connection_state"],
        PHONE: ["offer", "progress", "app_message", "offer"],
        TABLET: ["offer", "ended", "offer"],
    }


async def test_ringing_call_is_answered(cell: RedisCell, engine: Valkey) -> None:
    """With the candidates that were held, and losers that hear of it."""
    alice, tablet, phone = [await resume(cell, engine, each) for each in (ALICE, TABLET, PHONE)]
    applied = await says(tablet, answer_from(TABLET), RINGING)

    assert applied == State.ANSWERED
    assert kinds(await alice.read(1)) == ["answer"]
    assert kinds(await tablet.read(3)) == ["progress", "candidates"]
    assert kinds(await phone.read(4)) == ["ended"]


async def test_answered_call_goes_on(cell: RedisCell, engine: Valkey) -> None:
    """Messages pass, and it can be ended."""
    other, phone = [await resume(cell, engine, each) for each in (ALICES_PHONE, PHONE)]
    before = (await step_of(cell, TALKING, CLOCK)).outcome.call
    assert before is not None
    assert (before.state, before.callee and before.callee.device) == (State.CONNECTED, PHONE)

    await says(other, app_message_from(ALICES_PHONE), TALKING)
    await says(other, hangup_from(ALICES_PHONE), TALKING)

    assert kinds(await phone.read(4)) == ["app_message", "ended"]


async def test_end_that_was_not_heard_is_told(cell: RedisCell) -> None:
    """By the next welcome."""
    mallory = await connect(cell, MALLORY)

    assert {call: ended.reason for call, ended in mallory.hello.unheard.items()} == {
        RANG_OUT: pb.END_REASON_NO_ANSWER
    }


async def says(stream: Stream, event: Event, call_id: str) -> State:
    """The next request of a session that goes on; returns what it makes of the call."""
    call = (await stream.send(of(event, call_id))).outcome.call
    assert call is not None
    return call.state
