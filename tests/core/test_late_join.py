"""A device that connects while a call rings for it."""

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Device, State
from tests.core.deliveries import ended, rings
from tests.core.events import (
    answer_from,
    attached,
    gone,
    offer_from,
    reject_from,
    ringing_from,
)
from tests.core.factory import (
    a_ringing_call,
    a_waiting_call,
    after,
    an_answered_call,
    is_untouched,
    step,
    the,
)
from tests.core.names import ALICE, ALICES_PHONE, MALLORY, PHONE, START, TABLET

TO_PRIMARY = offer_from(ALICE, routing=pb.ROUTING_PRIMARY_DEVICE)


def test_late_device_gets_the_offer_until_the_same_deadline() -> None:
    """The offer is pending until answered: what remains of its time is the late device's."""
    call = a_ringing_call(offer=offer_from(ALICE))

    outcome = step(call, attached(TABLET), now=START + 45.0)

    assert outcome.deliveries == (rings(TABLET, offer_from(ALICE), until=START + 60.0),)


def test_offer_that_waited_rings_at_the_first_device() -> None:
    """WAITING ends with the first device that comes."""
    outcome = step(a_waiting_call(), attached(PHONE), now=START + 1.0)

    assert outcome.deliveries == (rings(PHONE, offer_from(ALICE), until=START + 60.0),)


def test_late_device_may_answer() -> None:
    """The leg is there with the attach, before any request."""
    call = after(a_waiting_call(), attached(PHONE, session=7))

    outcome = step(call, answer_from(PHONE, session=7))

    assert the(outcome.call).state is State.ANSWERED


def test_device_that_rings_already_gets_no_second_offer() -> None:
    """A stream that resumes finds the offer in its mailbox."""
    call = a_ringing_call()

    outcome = step(call, attached(PHONE))

    assert is_untouched(outcome, call)


@pytest.mark.parametrize("device", [ALICES_PHONE, MALLORY], ids=str)
def test_offer_is_for_the_callee_alone(device: Device) -> None:
    """Nobody else's device gets it."""
    call = a_ringing_call()

    outcome = step(call, attached(device))

    assert is_untouched(outcome, call)


def test_offer_to_one_device_waits_for_it_alone() -> None:
    """The others of its user may come and go."""
    offer = offer_from(ALICE, at=TABLET)
    call = a_waiting_call(offer)

    assert is_untouched(step(call, attached(PHONE)), call)
    assert step(call, attached(TABLET)).deliveries == (rings(TABLET, offer, until=START + 60.0),)


def test_offer_to_the_primary_goes_to_the_first_that_comes() -> None:
    """If nobody was connected, the first device that comes is the one."""
    call = a_waiting_call(TO_PRIMARY)

    joined = after(call, attached(PHONE))

    assert list(joined.legs) == [PHONE]
    assert is_untouched(step(joined, attached(TABLET)), joined)


def test_offer_to_the_primary_that_rings_is_for_no_late_device() -> None:
    """Somebody was connected, and was asked."""
    call = a_ringing_call(offer=TO_PRIMARY)

    assert is_untouched(step(call, attached(TABLET)), call)


@pytest.mark.parametrize(
    "reason",
    [pb.REJECT_REASON_BUSY, pb.REJECT_REASON_UNSUPPORTED, pb.REJECT_REASON_IGNORED],
    ids=pb.RejectReason.Name,
)
def test_device_that_had_its_ended_is_not_asked_again(
    reason: pb.RejectReason.ValueType,
) -> None:
    """One no is enough, also across sessions."""
    call = after(a_ringing_call(legs=[PHONE, TABLET]), reject_from(PHONE, reason), gone(PHONE))

    assert is_untouched(step(call, attached(PHONE, session=2)), call)


def test_device_whose_leg_was_forgotten_is_asked_again() -> None:
    """A fresh session that had no `ended` rings anew."""
    call = after(a_ringing_call(legs=[PHONE, TABLET]), ringing_from(PHONE), gone(PHONE))

    outcome = step(call, attached(PHONE, session=2))

    assert outcome.deliveries == (rings(PHONE, offer_from(ALICE), until=START + 60.0),)


def test_nobody_joins_an_answered_call() -> None:
    """It rings no more."""
    call = an_answered_call()

    assert is_untouched(step(call, attached(TABLET)), call)


def test_nobody_joins_after_the_deadline() -> None:
    """A device that comes when the time is over hears nothing, whoever notices first."""
    outcome = step(a_ringing_call(), attached(TABLET), now=START + 60.0)

    assert outcome.deliveries == (
        ended(ALICE, pb.END_REASON_NO_ANSWER),
        ended(PHONE, pb.END_REASON_NO_ANSWER),
    )


def test_calling_device_is_never_a_late_leg() -> None:
    """In a call to oneself the caller that comes back stays the caller."""
    call = a_ringing_call(legs=[], offer=offer_from(ALICE, to="alice"))

    assert list(after(call, attached(ALICE)).legs) == []
    assert list(after(call, attached(ALICES_PHONE)).legs) == [ALICES_PHONE]
