"""The transition table: what has no row is refused, and changes nothing."""

from collections.abc import Callable
from itertools import product

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.call import PRESENCE_EVENTS, TRANSITIONS, Row
from signaling_service.core.model import Call, Device, Driver, Event, State
from tests.core.deliveries import the_end
from tests.core.events import (
    CLOCK,
    answer_from,
    app_message_from,
    candidates_from,
    connected,
    hangup_from,
    reject_from,
    reoffer_from,
    ringing_from,
)
from tests.core.factory import CALLS, Refusal, is_untouched, refusal, step
from tests.core.names import ALICE, PHONE, line

_REQUESTS: tuple[Callable[[Device], Event], ...] = (
    reoffer_from,
    answer_from,
    ringing_from,
    reject_from,
    hangup_from,
    connected,
    app_message_from,
    lambda device: candidates_from(device, line()),
)
REQUESTS = {request(PHONE).kind: request for request in _REQUESTS}
SIDES = {Driver.CALLER: ALICE, Driver.CALLEE: PHONE}
THERE = [state for state in State if state is not State.NEW]


def name(row: Row) -> str:
    """A row in words."""
    driver, state, kind = row
    return f"{driver.value} {kind} {state.name}"


ILLEGAL = [row for row in product(SIDES, THERE, REQUESTS) if row not in TRANSITIONS]
UNHEARD = [
    row for row in product([Driver.PRESENCE], State, PRESENCE_EVENTS) if row not in TRANSITIONS
]


@pytest.mark.parametrize("row", ILLEGAL, ids=name)
def test_illegal_request_is_refused(row: Row) -> None:
    """WRONG_STATE, with the end if it is over; the call is the same, and nobody hears of it."""
    driver, state, kind = row
    call = CALLS[state]

    outcome = step(call, REQUESTS[kind](SIDES[driver]))

    assert is_untouched(outcome, call)
    truth = the_end(pb.END_REASON_HANGUP, ALICE) if state is State.ENDED else None
    assert refusal(outcome) == Refusal("WRONG_STATE", ended=truth)


@pytest.mark.parametrize("kind", REQUESTS)
@pytest.mark.parametrize("device", SIDES.values(), ids=str)
def test_request_to_no_call_is_refused(device: Device, kind: str) -> None:
    """Nothing but a first offer begins one."""
    outcome = step(None, REQUESTS[kind](device))

    assert is_untouched(outcome, None)
    assert refusal(outcome) == Refusal("CALL_NOT_FOUND")


@pytest.mark.parametrize("row", UNHEARD, ids=name)
def test_session_news_that_concern_no_call_are_passed_over(row: Row) -> None:
    """Nobody is there to be refused."""
    _, state, kind = row
    call = CALLS[state]

    outcome = step(call, Event(kind, PHONE, 1))

    assert is_untouched(outcome, call)
    assert outcome.refusal is None


@pytest.mark.parametrize("call", CALLS.values(), ids=[state.name for state in CALLS])
def test_clock_that_is_early_changes_nothing(call: Call | None) -> None:
    """A sweep too many does no harm."""
    outcome = step(call, CLOCK)

    assert is_untouched(outcome, call)
    assert outcome.refusal is None


def test_every_request_is_someones() -> None:
    """The table has a row for every kind of request, and for every state but the last."""
    drivers = (Driver.CALLER, Driver.CALLEE)

    assert {kind for driver, _, kind in TRANSITIONS if driver in drivers} == set(REQUESTS)
    assert {state for _, state, _ in TRANSITIONS} == set(State)
