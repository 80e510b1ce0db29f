"""Renegotiation and ICE restart: one offer open at a time, each with its number."""

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Call, Device, Negotiation, State
from tests.core.deliveries import answered, forwarded
from tests.core.events import answer_from, offer_from, reoffer_from, request_from
from tests.core.factory import (
    CALLS,
    Refusal,
    a_ringing_call,
    after,
    an_answered_call,
    an_ended_call,
    is_untouched,
    refusal,
    step,
    the,
)
from tests.core.names import ALICE, PHONE, TABLET, sdp

LIVE = [CALLS[State.ANSWERED], CALLS[State.CONNECTED], CALLS[State.RECONNECTING]]


@pytest.mark.parametrize(("sender", "peer"), [(ALICE, PHONE), (PHONE, ALICE)], ids=str)
@pytest.mark.parametrize("call", LIVE, ids=lambda call: call.state.name)
def test_either_side_may_offer(call: Call, sender: Device, peer: Device) -> None:
    """The offer goes to the peer's device, as the second negotiation of the call."""
    offer = reoffer_from(sender)

    outcome = step(call, offer)

    assert outcome.deliveries == (forwarded(peer, offer, negotiation=2),)
    assert the(outcome.call).negotiation == Negotiation(2, sender)
    assert the(outcome.call).state is call.state


@pytest.mark.parametrize(("sender", "peer"), [(ALICE, PHONE), (PHONE, ALICE)], ids=str)
def test_answer_closes_the_negotiation(sender: Device, peer: Device) -> None:
    """It goes to the side that offered, with the number of its offer."""
    call = after(an_answered_call(), reoffer_from(sender))
    answer = answer_from(peer)

    outcome = step(call, answer)

    assert outcome.deliveries == (answered(sender, answer, negotiation=2),)
    assert the(outcome.call).negotiation == Negotiation(2, None)


def test_negotiations_are_numbered_in_order() -> None:
    """Whoever offers."""
    call = an_answered_call()
    for offerer, answerer in [(ALICE, PHONE), (PHONE, ALICE), (PHONE, ALICE)]:
        call = after(call, reoffer_from(offerer), answer_from(answerer))

    outcome = step(call, reoffer_from(ALICE))

    assert outcome.deliveries == (forwarded(PHONE, reoffer_from(ALICE), negotiation=5),)


def test_stamped_is_what_the_service_knows() -> None:
    """A number or ring timeout that the sender claims is not passed on."""
    offer = reoffer_from(ALICE)
    claiming = reoffer_from(ALICE)
    claiming.request.offer.negotiation = 99
    claiming.request.offer.ring_timeout.seconds = 30

    outcome = step(an_answered_call(), claiming)

    assert outcome.deliveries == (forwarded(PHONE, offer, negotiation=2),)


def test_newer_offer_of_the_sender_replaces_its_open_one() -> None:
    """The peer gets both, and answers the newer."""
    call = after(an_answered_call(), reoffer_from(ALICE, sdp("one")))
    newer = reoffer_from(ALICE, sdp("two"))

    outcome = step(call, newer)

    assert outcome.deliveries == (forwarded(PHONE, newer, negotiation=3),)


def test_answer_to_a_replaced_offer_is_refused() -> None:
    """It would be matched to an offer that it was not made for."""
    call = after(an_answered_call(), reoffer_from(ALICE, sdp("one")), reoffer_from(ALICE))

    outcome = step(call, answer_from(PHONE, negotiation=2))

    assert is_untouched(outcome, call)
    assert refusal(outcome) == Refusal("WRONG_STATE")


@pytest.mark.parametrize("negotiation", [0, 3])
def test_answer_to_the_newer_offer_goes(negotiation: int) -> None:
    """By its number, or by none for the open one."""
    call = after(an_answered_call(), reoffer_from(ALICE, sdp("one")), reoffer_from(ALICE))
    answer = answer_from(PHONE, negotiation=negotiation)

    outcome = step(call, answer)

    assert outcome.deliveries == (answered(ALICE, answer, negotiation=3),)


@pytest.mark.parametrize(("first", "second"), [(ALICE, PHONE), (PHONE, ALICE)], ids=str)
def test_offer_of_the_other_side_meanwhile_is_glare(first: Device, second: Device) -> None:
    """The second rolls back and answers; the first one's offer stays open."""
    call = after(an_answered_call(), reoffer_from(first))

    outcome = step(call, reoffer_from(second))

    assert is_untouched(outcome, call)
    assert refusal(outcome) == Refusal("GLARE")


def test_offer_after_the_answer_is_no_glare() -> None:
    """Both may offer again once the negotiation is closed."""
    call = after(an_answered_call(), reoffer_from(ALICE), answer_from(PHONE))

    outcome = step(call, reoffer_from(PHONE))

    assert outcome.deliveries == (forwarded(ALICE, reoffer_from(PHONE), negotiation=3),)


@pytest.mark.parametrize("sender", [ALICE, PHONE], ids=str)
@pytest.mark.parametrize("call", LIVE, ids=lambda call: call.state.name)
def test_answer_without_an_open_offer_is_refused(call: Call, sender: Device) -> None:
    """There is nothing to answer."""
    outcome = step(call, answer_from(sender))

    assert is_untouched(outcome, call)
    assert refusal(outcome) == Refusal("WRONG_STATE")


def test_answer_to_ones_own_offer_is_refused() -> None:
    """Nobody answers their own offer."""
    call = after(an_answered_call(), reoffer_from(ALICE))

    outcome = step(call, answer_from(ALICE))

    assert is_untouched(outcome, call)
    assert refusal(outcome) == Refusal("WRONG_STATE")


def test_offer_within_no_call_is_refused() -> None:
    """A renegotiation of a call that is not there."""
    outcome = step(None, reoffer_from(ALICE))

    assert is_untouched(outcome, None)
    assert refusal(outcome) == Refusal("CALL_NOT_FOUND")


@pytest.mark.parametrize("sender", [ALICE, PHONE], ids=str)
def test_offer_within_a_ringing_call_is_refused_unless_it_is_the_first(sender: Device) -> None:
    """The caller's would be another offer under the id, the callee's has nobody to go to."""
    call = a_ringing_call()

    outcome = step(call, reoffer_from(sender))

    assert is_untouched(outcome, call)
    assert refusal(outcome) == Refusal("WRONG_STATE")


def test_offer_within_an_ended_call_is_refused() -> None:
    """With how it ended."""
    call = an_ended_call()

    outcome = step(call, reoffer_from(PHONE))

    assert is_untouched(outcome, call)
    assert refusal(outcome).code == "WRONG_STATE"


def test_loser_cannot_offer() -> None:
    """It has no part in the call any more."""
    call = an_answered_call([PHONE, TABLET])

    assert refusal(step(call, reoffer_from(TABLET))).code == "WRONG_STATE"


def test_sealed_renegotiation_is_carried() -> None:
    """As it came."""
    offer = request_from(ALICE, offer=pb.SdpOffer(sealed=b"\0"))

    outcome = step(an_answered_call(), offer)

    assert outcome.deliveries == (forwarded(PHONE, offer, negotiation=2),)


def test_offer_with_a_recipient_is_no_renegotiation() -> None:
    """Inside a call the first offer may only be repeated."""
    call = an_answered_call()

    outcome = step(call, offer_from(ALICE, sdp=sdp("new")))

    assert is_untouched(outcome, call)
    assert refusal(outcome) == Refusal("WRONG_STATE")
