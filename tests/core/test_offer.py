"""A first offer: whom it rings, and what its caller hears at once."""

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Call, Device, Event, Leg, Negotiation, Side, State
from tests.core.deliveries import ended, rings, waiting
from tests.core.events import offer_from, request_from
from tests.core.factory import (
    Here,
    Refusal,
    World,
    a_ringing_call,
    an_answered_call,
    an_ended_call,
    is_untouched,
    refusal,
    step,
    the,
)
from tests.core.names import (
    ALICE,
    ALICES_PHONE,
    MALLORY,
    PHONE,
    SESSION,
    START,
    TABLET,
    sdp,
)

PRIMARY = pb.ROUTING_PRIMARY_DEVICE
FAIL = pb.OFFLINE_POLICY_FAIL
LIVE = [a_ringing_call(), an_answered_call()]


def test_offer_rings_every_connected_device() -> None:
    """All connected devices of the callee ring in one step, for as long as the caller asked."""
    offer = offer_from(ALICE, ring_timeout=20.5)

    outcome = step(None, offer, world=World([PHONE, TABLET, MALLORY]))

    assert outcome.deliveries == (
        rings(PHONE, offer, until=START + 20.5),
        rings(TABLET, offer, until=START + 20.5),
    )


def test_offer_begins_a_call() -> None:
    """The call knows its caller, its legs, and when it stops ringing."""
    outcome = step(None, offer_from(ALICE), world=World([PHONE]))

    call = the(outcome.call)
    assert (call.state, call.caller, call.legs) == (
        State.RINGING,
        Side(ALICE, SESSION, generations=(frozenset({"caller-1"}),)),
        {PHONE: Leg(PHONE, SESSION)},
    )
    assert (call.negotiation, call.deadline) == (Negotiation(1, ALICE), START + 60.0)


def test_sealed_offer_rings() -> None:
    """A sealed description is carried as it came."""
    offer = request_from(ALICE, offer=pb.SdpOffer(recipient_user_id="bob", sealed=b"\0\1"))

    outcome = step(None, offer, world=World([PHONE]))

    assert outcome.deliveries == (rings(PHONE, offer, until=START + 60.0),)


def test_offer_does_not_ring_a_device_without_a_stream() -> None:
    """A session that waits to be resumed is not connected."""
    offer = offer_from(ALICE)
    world = World({PHONE: Here(is_connected=False), TABLET: Here()})

    outcome = step(None, offer, world=world)

    assert outcome.deliveries == (rings(TABLET, offer, until=START + 60.0),)


def test_offer_to_one_device_rings_it_alone() -> None:
    """A named device rings, the others of its user don't."""
    offer = offer_from(ALICE, at=TABLET)

    outcome = step(None, offer, world=World([PHONE, TABLET]))

    assert outcome.deliveries == (rings(TABLET, offer, until=START + 60.0),)


@pytest.mark.parametrize(
    ("phone", "tablet", "primary"),
    [
        (Here(active_at=5.0), Here(active_at=7.0), TABLET),
        (Here(active_at=9.0), Here(active_at=7.0), PHONE),
        (Here(attached_at=2.0), Here(attached_at=3.0), TABLET),
        (Here(active_at=1.0), Here(attached_at=2000.0), PHONE),
        (Here(active_at=9.0, is_connected=False), Here(), TABLET),
    ],
)
def test_offer_to_the_primary_rings_the_most_recently_used(
    phone: Here, tablet: Here, primary: Device
) -> None:
    """The primary is the connected device that last sent something; before that, the newest."""
    world = World({PHONE: phone, TABLET: tablet})

    outcome = step(None, offer_from(ALICE, routing=PRIMARY), world=world)

    assert [delivery.device for delivery in outcome.deliveries] == [primary]


@pytest.mark.parametrize(
    ("offer", "connected"),
    [
        (offer_from(ALICE), []),
        (offer_from(ALICE, routing=PRIMARY), []),
        (offer_from(ALICE, at=TABLET), [PHONE]),
        (offer_from(ALICE, to="nobody-we-know"), [PHONE]),
    ],
    ids=["all", "primary", "named", "unknown"],
)
def test_offer_waits_when_nobody_is_connected(offer: Event, connected: list[Device]) -> None:
    """The caller hears that its offer waits; an unknown user is like an offline one."""
    outcome = step(None, offer, world=World(connected))

    assert (the(outcome.call).state, outcome.deliveries) == (State.RINGING, (waiting(ALICE),))


@pytest.mark.parametrize(
    ("offer", "connected"),
    [
        (offer_from(ALICE, offline_policy=FAIL), []),
        (offer_from(ALICE, offline_policy=FAIL, at=TABLET), [PHONE]),
        (offer_from(ALICE, offline_policy=FAIL, to="nobody-we-know"), [PHONE]),
    ],
    ids=["all", "named", "unknown"],
)
def test_offer_that_must_not_wait_ends_at_once(offer: Event, connected: list[Device]) -> None:
    """With FAIL and nobody connected the caller has its end in the same step."""
    outcome = step(None, offer, world=World(connected))

    assert (the(outcome.call).state, outcome.deliveries) == (
        State.ENDED,
        (ended(ALICE, pb.END_REASON_UNAVAILABLE),),
    )


@pytest.mark.parametrize("call", LIVE, ids=lambda call: call.state.name)
def test_repeated_offer_has_no_effect(call: Call) -> None:
    """The first offer again is acknowledged, and does nothing: not while it rings, nor later."""
    outcome = step(call, offer_from(ALICE))

    assert is_untouched(outcome, call)
    assert outcome.refusal is None


@pytest.mark.parametrize("call", LIVE, ids=lambda call: call.state.name)
@pytest.mark.parametrize(
    "other",
    [
        offer_from(ALICE, sdp=sdp("other")),
        offer_from(ALICE, to="carol"),
        offer_from(ALICE, ring_timeout=61),
        offer_from(ALICE, metadata={"name": "A."}),
    ],
    ids=["sdp", "recipient", "ring_timeout", "metadata"],
)
def test_other_offer_under_the_same_id_is_refused(call: Call, other: Event) -> None:
    """The id is the idempotency key of one offer, whatever differs."""
    outcome = step(call, other)

    assert is_untouched(outcome, call)
    assert refusal(outcome) == Refusal("WRONG_STATE")


@pytest.mark.parametrize("thief", [MALLORY, PHONE, TABLET, ALICES_PHONE], ids=str)
def test_taken_call_id_is_refused(thief: Device) -> None:
    """Nobody else begins a call under an id that is in use."""
    call = a_ringing_call()

    outcome = step(call, offer_from(thief))

    assert is_untouched(outcome, call)
    assert refusal(outcome) == Refusal("CALL_ID_IN_USE")


def test_call_id_stays_taken_after_the_end() -> None:
    """Until the call is forgotten its id is nobody's."""
    call = an_ended_call()

    outcome = step(call, offer_from(MALLORY))

    assert is_untouched(outcome, call)
    assert refusal(outcome) == Refusal("CALL_ID_IN_USE")


def test_user_may_call_their_other_devices() -> None:
    """A call to oneself rings everywhere but at the calling device."""
    offer = offer_from(ALICE, to="alice")

    outcome = step(None, offer, world=World([ALICE, ALICES_PHONE]))

    assert outcome.deliveries == (rings(ALICES_PHONE, offer, until=START + 60.0),)


def test_call_to_oneself_waits_on_the_only_device() -> None:
    """The calling device is never a leg."""
    outcome = step(None, offer_from(ALICE, to="alice"), world=World([ALICE]))

    assert outcome.deliveries == (waiting(ALICE),)


def test_primary_of_oneself_is_another_device() -> None:
    """The calling device is the most recently used, and not asked."""
    world = World({ALICE: Here(active_at=9.0), ALICES_PHONE: Here(active_at=1.0)})

    outcome = step(None, offer_from(ALICE, to="alice", routing=PRIMARY), world=world)

    assert [delivery.device for delivery in outcome.deliveries] == [ALICES_PHONE]


def test_offer_to_the_calling_device_is_refused() -> None:
    """A device cannot call itself."""
    outcome = step(None, offer_from(ALICE, at=ALICE), world=World([ALICE]))

    assert is_untouched(outcome, None)
    assert refusal(outcome) == Refusal("INVALID_MESSAGE")
