"""Another service ends a call: every device hears it once, and an end stays as it was."""

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Event, State
from tests.core.deliveries import ended
from tests.core.factory import (
    CALLS,
    a_barred_call,
    a_ringing_call,
    an_answered_call,
    is_untouched,
    step,
    the,
)
from tests.core.names import ALICE, PHONE, TABLET

TERMINATE = Event("terminate", request=pb.ConnectRequest(hangup=pb.Hangup(text="maintenance")))
TOLD = pb.END_REASON_TERMINATED


def test_ringing_call_stops_everywhere() -> None:
    """At the caller and at every device that rings."""
    outcome = step(a_ringing_call([PHONE, TABLET]), TERMINATE)

    assert outcome.deliveries == tuple(
        ended(device, TOLD, text="maintenance") for device in (ALICE, PHONE, TABLET)
    )


@pytest.mark.parametrize("state", [State.ANSWERED, State.CONNECTED, State.RECONNECTING])
def test_answered_call_stops_at_both_sides(state: State) -> None:
    """Whatever its connection is like."""
    outcome = step(CALLS[state], TERMINATE)

    assert outcome.deliveries == tuple(
        ended(device, TOLD, text="maintenance") for device in (ALICE, PHONE)
    )


def test_nobody_has_to_say_why() -> None:
    """No text is not an empty one."""
    assert step(an_answered_call(), Event("terminate")).deliveries[0] == ended(ALICE, TOLD)


def test_callee_does_not_notice_a_call_that_it_must_not_notice() -> None:
    """Its caller alone is told."""
    assert step(a_barred_call(), Event("terminate")).deliveries == (ended(ALICE, TOLD),)


def test_call_that_is_over_stays_as_it_ended() -> None:
    """Whoever ends it again changes nothing, and is refused nothing."""
    call = the(CALLS[State.ENDED])

    outcome = step(call, TERMINATE)

    assert is_untouched(outcome, call)
    assert (outcome.refusal, outcome.news, outcome.traced) == (None, (), ())


def test_call_that_is_not_there_is_not_ended() -> None:
    """Nothing comes of it."""
    assert is_untouched(step(None, TERMINATE), None)
