"""How many calls a device and a user may have, and what the caller of a busy user sees."""

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Call, Device, Event, State
from tests.core.deliveries import ended, waiting
from tests.core.events import (
    CLOCK,
    answer_from,
    app_message_from,
    attached,
    candidates_from,
    hangup_from,
    offer_from,
    reject_from,
)
from tests.core.factory import (
    Refusal,
    World,
    a_barred_call,
    a_ringing_call,
    after,
    an_answered_call,
    another,
    is_untouched,
    refusal,
    step,
    the,
    with_limits,
)
from tests.core.names import ALICE, ALICES_PHONE, MALLORY, PHONE, START, TABLET, line


def calls(count: int, like: Call) -> list[Call]:
    """Some live calls."""
    return [another(like, f"other-{number}") for number in range(count)]


def test_ninth_call_of_a_device_is_refused() -> None:
    """A device has 8 live calls at most: those it placed, ringing or answered."""
    world = World([PHONE], [*calls(7, a_ringing_call()), another(an_answered_call(), "talk")])

    outcome = step(None, offer_from(ALICE), world=world)

    assert is_untouched(outcome, None)
    assert refusal(outcome) == Refusal("LIMIT_EXCEEDED")


def test_calls_of_another_device_do_not_count() -> None:
    """Each device of a user has its own 8."""
    world = World([PHONE], calls(8, a_ringing_call()))

    outcome = step(None, offer_from(ALICES_PHONE), world=world)

    assert the(outcome.call).state is State.RINGING


def test_device_with_eight_calls_cannot_answer() -> None:
    """Answered calls count like placed ones; the call rings on, another device may answer."""
    call = a_ringing_call(legs=[PHONE, TABLET])
    world = World([PHONE, TABLET], calls(8, an_answered_call()))

    outcome = step(call, answer_from(PHONE), world=world)

    assert is_untouched(outcome, call)
    assert refusal(outcome) == Refusal("LIMIT_EXCEEDED")
    assert the(step(call, answer_from(TABLET), world=world).call).state is State.ANSWERED


def test_ringing_calls_do_not_keep_a_device_from_answering() -> None:
    """A leg that rings is no call of the device yet."""
    world = World([PHONE], calls(8, a_ringing_call()))

    outcome = step(a_ringing_call(), answer_from(PHONE), world=world)

    assert the(outcome.call).state is State.ANSWERED


def test_user_with_sixteen_ringing_calls_looks_offline() -> None:
    """The 17th caller hears what it would hear if nobody was connected."""
    world = World([PHONE], calls(16, a_ringing_call()))

    outcome = step(None, offer_from(MALLORY), world=world)

    assert outcome.deliveries == (waiting(MALLORY),)


def test_user_with_sixteen_ringing_calls_looks_unavailable() -> None:
    """Also to a caller that does not wait."""
    world = World([PHONE], calls(16, a_ringing_call()))

    outcome = step(None, offer_from(MALLORY, offline_policy=pb.OFFLINE_POLICY_FAIL), world=world)

    assert outcome.deliveries == (ended(MALLORY, pb.END_REASON_UNAVAILABLE),)


def test_answered_calls_do_not_bar_others() -> None:
    """Only ringing calls count towards a user's 16."""
    world = World([PHONE], calls(16, an_answered_call()))

    outcome = step(None, offer_from(MALLORY), world=world)

    assert list(the(outcome.call).legs) == [PHONE]


def test_barred_call_rings_at_no_late_device() -> None:
    """The callee never notices, whoever connects."""
    call = a_barred_call()

    outcome = step(call, attached(TABLET))

    assert is_untouched(outcome, call)


@pytest.mark.parametrize(
    "event",
    [answer_from(PHONE), hangup_from(PHONE), reject_from(PHONE), candidates_from(PHONE, line())],
    ids=lambda event: event.kind,
)
def test_barred_call_is_unknown_to_the_callee(event: Event) -> None:
    """A device of the callee hears what a stranger hears."""
    call = a_barred_call()

    outcome = step(call, event)

    assert is_untouched(outcome, call)
    assert refusal(outcome) == Refusal("CALL_NOT_FOUND")


def test_barred_call_stays_unknown_after_its_end() -> None:
    """Nor does the callee learn how it ended."""
    call = after(a_barred_call(), hangup_from(ALICE))

    outcome = step(call, answer_from(PHONE))

    assert refusal(outcome) == Refusal("CALL_NOT_FOUND")


def test_barred_call_rings_out_for_its_caller() -> None:
    """To its caller it is a call that nobody answers."""
    outcome = step(a_barred_call(), CLOCK, now=START + 60.0)

    assert outcome.deliveries == (ended(ALICE, pb.END_REASON_NO_ANSWER),)


def test_barred_call_takes_what_a_waiting_call_takes() -> None:
    """Candidates and app messages of its caller are accepted, and go nowhere."""
    call = after(a_barred_call(), candidates_from(ALICE, line()))

    outcome = step(call, app_message_from(ALICE))

    assert is_untouched(outcome, call)
    assert outcome.refusal is None


@pytest.mark.parametrize("caller", [ALICE, MALLORY], ids=str)
def test_barred_call_is_no_glare(caller: Device) -> None:
    """A crossing call would tell that the callee is there."""
    rings_at_caller = a_ringing_call(
        legs=[caller], offer=offer_from(PHONE, to=caller.user_id, call_id="first")
    )
    world = World([caller, PHONE], [rings_at_caller])

    outcome = step(None, offer_from(caller), world=world, rules=with_limits(ringing_per_user=0))

    assert outcome.deliveries == (waiting(caller),)
