"""What cannot happen is said aloud: these states the table never lets through."""

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core import call as machine
from signaling_service.core.model import Call, Device, Driver, Event, State
from signaling_service.core.turn import Turn
from tests.core.events import attached, hangup_from, reject_from
from tests.core.factory import NOBODY, RULES, a_ringing_call, an_answered_call, step
from tests.core.names import ALICE, MALLORY, PHONE, START, TABLET


def a_turn(call: Call | None) -> Turn:
    """A turn of a call."""
    return Turn(call, NOBODY, START, RULES)


def test_there_is_no_call_to_ask() -> None:
    """A turn begins without one when the id is new."""
    with pytest.raises(AssertionError, match="there is no call"):
        _ = a_turn(None).call


@pytest.mark.parametrize("device", [MALLORY, TABLET], ids=str)
def test_device_that_is_no_side_has_no_side(device: Device) -> None:
    """Only the caller and the callee."""
    with pytest.raises(AssertionError, match="no side"):
        a_turn(an_answered_call()).side(device)


def test_ringing_call_has_no_peer() -> None:
    """There may be several devices, and none is it."""
    with pytest.raises(AssertionError, match="not answered"):
        a_turn(a_ringing_call()).peer(ALICE)


@pytest.mark.parametrize(
    "event", [attached(TABLET), reject_from(PHONE, pb.REJECT_REASON_BUSY)], ids=["join", "reject"]
)
def test_ringing_call_has_its_offer(event: Event) -> None:
    """It is dropped with the answer, not before."""
    with pytest.raises(AssertionError, match="has an offer"):
        step(a_ringing_call()._replace(offer=None), event)


def test_step_leads_where_its_row_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step is checked against the table."""
    cancel = (Driver.CALLER, State.RINGING, "hangup")
    monkeypatch.setitem(machine.TRANSITIONS, cancel, (State.ANSWERED,))

    with pytest.raises(AssertionError, match="does not lead to ENDED"):
        step(a_ringing_call(), hangup_from(ALICE))
