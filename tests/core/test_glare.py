"""Call glare: two calls that cross are one; every other pair is two calls."""

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Call, Device, Event, State
from tests.core.deliveries import ended, waiting
from tests.core.events import (
    CLOCK,
    answer_from,
    gone,
    hangup_from,
    offer_from,
    reject_from,
    ringing_from,
)
from tests.core.factory import (
    Here,
    Refusal,
    World,
    a_ringing_call,
    after,
    refusal,
    step,
    the,
)
from tests.core.names import ALICE, ALICES_PHONE, PHONE, START, TABLET

BACK = offer_from(PHONE, to="alice")
FIRST = offer_from(ALICE, call_id="first")


def first_call(*happenings: Event, legs: tuple[Device, ...] = (PHONE,)) -> Call:
    """Alice's call to Bob, which reached the service first."""
    return after(a_ringing_call(legs, FIRST), *happenings)


@pytest.mark.parametrize(
    "offer",
    [
        BACK,
        offer_from(PHONE, at=ALICE),
        offer_from(PHONE, to="alice", offline_policy=pb.OFFLINE_POLICY_FAIL),
    ],
    ids=["all", "named", "fail"],
)
@pytest.mark.parametrize("happened", [[], [ringing_from(PHONE)]], ids=["offered", "ringing"])
def test_second_of_two_crossing_calls_is_replaced(offer: Event, happened: list[Event]) -> None:
    """It never rings; its sender hears which call lives, whose offer it has."""
    call = first_call(*happened)

    outcome = step(None, offer, world=World([ALICE, ALICES_PHONE, PHONE], [call]))

    assert outcome.deliveries == (ended(PHONE, pb.END_REASON_REPLACED, replaced_by="first"),)
    assert the(outcome.call).state is State.ENDED


def test_first_of_two_crossing_calls_may_be_answered() -> None:
    """Both people simply talk."""
    outcome = step(first_call(), answer_from(PHONE))

    assert the(outcome.call).state is State.ANSWERED


def test_replaced_call_says_so_to_late_requests() -> None:
    """Also when its offer is sent again."""
    world = World([ALICE, PHONE], [first_call()])
    call = after(None, BACK, world=world)

    outcome = step(call, BACK, world=world)

    assert refusal(outcome) == Refusal(
        "WRONG_STATE", ended=pb.CallEnded(reason=pb.END_REASON_REPLACED, replaced_by="first")
    )


@pytest.mark.parametrize(
    ("offer", "first", "legs"),
    [
        (offer_from(TABLET, to="alice"), first_call(), {ALICE, ALICES_PHONE}),
        (offer_from(PHONE, at=ALICES_PHONE), first_call(), {ALICES_PHONE}),
        (BACK, first_call(answer_from(PHONE)), {ALICE, ALICES_PHONE}),
        (
            BACK,
            first_call(answer_from(TABLET), legs=(PHONE, TABLET)),
            {ALICE, ALICES_PHONE},
        ),
        (
            BACK,
            first_call(reject_from(PHONE, pb.REJECT_REASON_BUSY), legs=(PHONE, TABLET)),
            {ALICE, ALICES_PHONE},
        ),
        (BACK, first_call(gone(PHONE), legs=(PHONE, TABLET)), {ALICE, ALICES_PHONE}),
        (offer_from(PHONE, to="bob"), first_call(), {TABLET}),
    ],
    ids=[
        "from a device where it does not ring",
        "to another device of the caller",
        "it is answered",
        "it is answered elsewhere",
        "it was rejected here",
        "it is forgotten here",
        "to somebody else",
    ],
)
def test_every_other_pair_is_two_calls(offer: Event, first: Call, legs: set[Device]) -> None:
    """The second rings as it would without the first."""
    outcome = step(None, offer, world=World([ALICE, ALICES_PHONE, PHONE, TABLET], [first]))

    assert (the(outcome.call).state, set(the(outcome.call).legs)) == (State.RINGING, legs)


def test_call_back_to_the_primary_that_is_another_device_is_two_calls() -> None:
    """It would not reach the device that calls."""
    world = World(
        {ALICE: Here(active_at=1), ALICES_PHONE: Here(active_at=2), PHONE: Here()}, [first_call()]
    )
    offer = offer_from(PHONE, to="alice", routing=pb.ROUTING_PRIMARY_DEVICE)

    outcome = step(None, offer, world=world)

    assert set(the(outcome.call).legs) == {ALICES_PHONE}


def test_call_back_to_a_caller_that_is_away_is_two_calls() -> None:
    """It reaches nobody, and waits."""
    world = World({ALICE: Here(is_connected=False), PHONE: Here()}, [first_call()])

    outcome = step(None, BACK, world=world)

    assert outcome.deliveries == (waiting(PHONE),)


def test_earliest_of_several_crossing_calls_lives() -> None:
    """Two devices of a user call; the call back goes to the one that called first."""
    earlier = first_call()
    later = after(
        None,
        offer_from(ALICES_PHONE, call_id="second"),
        now=START + 1,
        world=World([PHONE]),
    )

    for calls in ([earlier, later], [later, earlier]):
        outcome = step(None, BACK, now=START + 2, world=World([ALICE, ALICES_PHONE, PHONE], calls))
        assert outcome.deliveries == (ended(PHONE, pb.END_REASON_REPLACED, replaced_by="first"),)


def test_call_that_has_rung_out_crosses_no_more() -> None:
    """Its deadline has passed, whether the clock has driven it yet or not."""
    world = World([ALICE, PHONE], [first_call()])

    outcome = step(None, BACK, now=START + 60.0, world=world)

    assert set(the(outcome.call).legs) == {ALICE}


def test_call_to_oneself_may_cross_too() -> None:
    """Two devices of one user that call each other have one call."""
    first = a_ringing_call([ALICES_PHONE], offer_from(ALICE, to="alice", call_id="first"))

    outcome = step(
        None,
        offer_from(ALICES_PHONE, to="alice"),
        world=World([ALICE, ALICES_PHONE], [first]),
    )

    assert outcome.deliveries == (ended(ALICES_PHONE, pb.END_REASON_REPLACED, replaced_by="first"),)


def test_first_call_that_ends_leaves_no_trace_of_the_second() -> None:
    """The replaced call stays over."""
    world = World([ALICE, PHONE], [first_call()])
    second = after(None, BACK, world=world)

    assert the(step(first_call(), hangup_from(ALICE)).call).state is State.ENDED
    assert step(second, CLOCK, now=START + 1).call is second
