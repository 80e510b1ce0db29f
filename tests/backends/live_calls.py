"""A call through all its states, for tests of how live calls are counted."""

from collections.abc import AsyncIterator, Mapping

from signaling_service.core.model import LIVE_STATES, State
from tests.backends.cell import Cell, a_ringing_call, step_of
from tests.core.events import CLOCK, answer_from, connected, failed, hangup_from, offer_from
from tests.core.names import ALICE, CALL_ID, PHONE


async def it_lives_and_ends(cell: Cell) -> AsyncIterator[Mapping[State, int]]:
    """How many calls are in each live state by now, after every step; a second one rings out."""

    def calls(*states: State) -> Mapping[State, int]:
        return {state: states.count(state) for state in LIVE_STATES}

    alice, phone = await a_ringing_call(cell)
    yield calls(State.RINGING)
    await alice.send(offer_from(ALICE, to="carol", call_id="other"))
    yield calls(State.RINGING, State.RINGING)
    await phone.send(answer_from(PHONE))
    yield calls(State.RINGING, State.ANSWERED)
    await phone.send(connected(PHONE))
    yield calls(State.RINGING, State.CONNECTED)
    await phone.send(failed(PHONE))
    yield calls(State.RINGING, State.RECONNECTING)
    await alice.send(hangup_from(ALICE))
    yield calls(State.RINGING)
    await cell.advance(61)
    await step_of(cell, "other", CLOCK)
    yield calls()
    await cell.advance(601)
    for call_id in (CALL_ID, "other"):
        await step_of(cell, call_id, CLOCK)
    yield calls()
