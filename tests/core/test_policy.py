"""What a verdict makes of a call: a no looks as if nobody was connected."""

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Call, Device, Event, State, Verdict
from tests.core.deliveries import ended, rings, the_end, waiting
from tests.core.events import (
    CLOCK,
    answer_from,
    app_message_from,
    attached,
    candidates_from,
    detached,
    gone,
    hangup_from,
    offer_from,
    overflow,
    reject_from,
    ringing_from,
)
from tests.core.factory import (
    NOBODY,
    Refusal,
    World,
    a_ringing_call,
    after,
    is_untouched,
    refusal,
    step,
    the,
    with_limits,
)
from tests.core.names import ALICE, ALICES_PHONE, BOB, MALLORY, PHONE, START, TABLET, line

OFFERS = {
    "waits": offer_from(ALICE),
    "fails": offer_from(ALICE, offline_policy=pb.OFFLINE_POLICY_FAIL),
    "named": offer_from(ALICE, at=PHONE),
    "named-fails": offer_from(ALICE, at=PHONE, offline_policy=pb.OFFLINE_POLICY_FAIL),
    "primary": offer_from(ALICE, routing=pb.ROUTING_PRIMARY_DEVICE),
    "short": offer_from(ALICE, ring_timeout=7.0),
}
HAPPENINGS = [
    candidates_from(ALICE, line()),
    app_message_from(ALICE),
    hangup_from(ALICE, "bye"),
    answer_from(ALICE),
    reject_from(ALICE),
    ringing_from(ALICE),
    offer_from(ALICE),
    offer_from(ALICE, sdp="v=0\r\nanother"),
    hangup_from(ALICES_PHONE),
    hangup_from(MALLORY),
    attached(ALICE),
    detached(ALICE),
    gone(ALICE),
    overflow(ALICE),
    CLOCK,
]


def judged(offer: Event, verdict: Verdict) -> Event:
    """The offer, once the policy was asked."""
    return offer._replace(verdict=verdict)


def refused(offer: Event = OFFERS["waits"]) -> Event:
    """The offer of somebody who may not call."""
    return judged(offer, Verdict.NOT_ALLOWED)


def openly_refused(offer: Event = OFFERS["waits"]) -> Event:
    """The offer of somebody who may not call, and is told so."""
    return judged(offer, Verdict.NOT_ALLOWED_OPENLY)


def a_refused_call(offer: Event = OFFERS["waits"]) -> Call:
    """A call that the policy does not allow, to somebody who is connected."""
    return after(None, refused(offer), world=World([PHONE, TABLET]))


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
def test_refused_call_looks_as_if_nobody_was_connected(offer: Event) -> None:
    """Its caller hears the same, whom the offer is for and whatever it asks."""
    no = step(None, refused(offer), world=World([PHONE, TABLET]))
    offline = step(None, offer, world=NOBODY)

    assert no.deliveries == offline.deliveries
    assert no.refusal is None
    assert the(no.call) == the(offline.call)._replace(is_barred=True)


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
@pytest.mark.parametrize("event", HAPPENINGS, ids=lambda event: event.kind)
def test_refused_call_goes_on_as_if_nobody_came(offer: Event, event: Event) -> None:
    """Whatever its caller does, and when it rings out."""
    refused_call, unheard = a_refused_call(offer), after(None, offer)
    for now in (START + 1.0, START + 200.0):
        no, offline = step(refused_call, event, now), step(unheard, event, now)

        assert no.deliveries == offline.deliveries
        assert repr(no.refusal) == repr(offline.refusal)
        if offline.refusal is not None:
            assert refusal(no) == refusal(offline)
        if offline.call is not None:
            assert no.call == offline.call._replace(is_barred=True)


@pytest.mark.parametrize("verdict", [Verdict.NOT_ALLOWED, Verdict.NOT_ALLOWED_OPENLY])
@pytest.mark.parametrize(
    "event", [attached(TABLET), answer_from(PHONE), hangup_from(PHONE), reject_from(PHONE)]
)
def test_callee_does_not_notice(verdict: Verdict, event: Event) -> None:
    """No device of theirs rings, now or later, and none gets an answer about the call."""
    call = after(None, judged(OFFERS["waits"], verdict), world=World([PHONE]))

    outcome = step(call, event)

    assert call.legs == {}
    assert is_untouched(outcome, call)
    assert outcome.refusal is None or refusal(outcome) == Refusal("CALL_NOT_FOUND")


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
@pytest.mark.parametrize("connected", [(), (PHONE, TABLET)], ids=["offline", "connected"])
def test_openly_refused_call_ends_at_once(offer: Event, connected: tuple[Device, ...]) -> None:
    """Its caller is told why, whoever is connected."""
    outcome = step(None, openly_refused(offer), world=World(connected))

    assert outcome.deliveries == (ended(ALICE, pb.END_REASON_NOT_ALLOWED),)
    assert the(outcome.call).state is State.ENDED


def test_openly_refused_call_is_over() -> None:
    """What its caller still sends is answered with the reason."""
    call = after(None, openly_refused())

    outcome = step(call, candidates_from(ALICE, line()))

    assert refusal(outcome) == Refusal("WRONG_STATE", the_end(pb.END_REASON_NOT_ALLOWED))


@pytest.mark.parametrize("verdict", Verdict)
def test_verdict_on_a_call_that_is_there_changes_nothing(verdict: Verdict) -> None:
    """The same offer again: a call is judged once, when it begins."""
    call = a_ringing_call()

    assert is_untouched(step(call, judged(OFFERS["waits"], verdict)), call)


def test_refused_call_is_no_glare() -> None:
    """While the callee calls the caller, that call goes on, and the refused one seems to wait."""
    theirs = a_ringing_call(legs=[ALICE], offer=offer_from(PHONE, to="alice", call_id="first"))
    world = World([ALICE, PHONE], [theirs])

    assert step(None, refused(), world=world).deliveries == (waiting(ALICE),)
    openly = step(None, openly_refused(), world=world)
    assert openly.deliveries == (ended(ALICE, pb.END_REASON_NOT_ALLOWED),)


def test_call_across_a_refused_one_rings() -> None:
    """Who may not call may be called: nothing tells them that their own call was refused."""
    theirs = after(None, refused(offer_from(PHONE, to="alice", call_id="first")))
    offer = offer_from(ALICE)

    outcome = step(None, offer, world=World([ALICE, PHONE], [theirs]))

    assert outcome.deliveries == (rings(PHONE, offer, until=START + 60.0),)


@pytest.mark.parametrize("verdict", Verdict)
def test_verdict_lifts_no_limit(verdict: Verdict) -> None:
    """Nor does a refused call cost its caller less than another one."""
    world = World([PHONE], [after(None, refused(offer_from(ALICE, call_id="first")))])

    outcome = step(
        None, judged(OFFERS["waits"], verdict), world=world, rules=with_limits(calls_per_device=1)
    )

    assert refusal(outcome) == Refusal("LIMIT_EXCEEDED")


def test_allowed_call_to_a_busy_user_is_barred_all_the_same() -> None:
    """A yes of the policy lets nobody through whom the limit keeps out."""
    world = World([PHONE])

    outcome = step(
        None, offer_from(ALICE, to=BOB), world=world, rules=with_limits(ringing_per_user=0)
    )

    assert outcome.deliveries == (waiting(ALICE),)
