"""The first answer wins; everybody else gets a definite word, never silence."""

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Device, LegState, Negotiation, Side, State
from tests.core.deliveries import answered, away, back, ended, forwarded, the_end, won
from tests.core.events import (
    answer_from,
    app_message_from,
    attached,
    candidates_from,
    detached,
    hangup_from,
    reject_from,
    request_from,
)
from tests.core.factory import (
    Refusal,
    a_ringing_call,
    after,
    an_answered_call,
    is_untouched,
    refusal,
    step,
    the,
)
from tests.core.names import ALICE, PHONE, SESSION, START, TABLET, WATCH, line

ELSEWHERE = the_end(pb.END_REASON_ANSWERED_ELSEWHERE, PHONE)


def test_answer_stops_the_other_devices() -> None:
    """The caller gets the answer, the winner WON, every other leg hears who was faster."""
    answer = answer_from(PHONE)

    outcome = step(a_ringing_call(legs=[PHONE, TABLET, WATCH]), answer)

    assert outcome.deliveries == (
        answered(ALICE, answer),
        won(PHONE),
        ended(TABLET, pb.END_REASON_ANSWERED_ELSEWHERE, by=PHONE),
        ended(WATCH, pb.END_REASON_ANSWERED_ELSEWHERE, by=PHONE),
    )


def test_answer_makes_the_device_a_side() -> None:
    """The call has its callee, no open offer, and no SDP any more."""
    call = after(a_ringing_call(legs=[PHONE, TABLET]), answer_from(PHONE))

    assert (call.state, call.callee, call.negotiation, call.offer) == (
        State.ANSWERED,
        Side(PHONE, SESSION, generations=(frozenset({"callee-1"}),)),
        Negotiation(1, None),
        None,
    )
    assert {device: leg.state for device, leg in call.legs.items()} == {
        PHONE: LegState.WON,
        TABLET: LegState.LOST,
    }


def test_sealed_answer_wins_too() -> None:
    """A sealed description is carried as it came."""
    answer = request_from(PHONE, answer=pb.SdpAnswer(sealed=b"\0\1"))

    outcome = step(a_ringing_call(), answer)

    assert outcome.deliveries == (answered(ALICE, answer), won(PHONE))


def test_second_answer_hears_who_won() -> None:
    """A losing answer is refused with how the call ended for that device."""
    call = after(a_ringing_call(legs=[PHONE, TABLET]), answer_from(PHONE))

    outcome = step(call, answer_from(TABLET))

    assert is_untouched(outcome, call)
    assert refusal(outcome) == Refusal("WRONG_STATE", ended=ELSEWHERE)


def test_second_answer_of_the_winner_is_refused() -> None:
    """It has won already; the call goes on."""
    call = an_answered_call()

    outcome = step(call, answer_from(PHONE))

    assert is_untouched(outcome, call)
    assert refusal(outcome) == Refusal("WRONG_STATE")


def test_loser_can_do_nothing_more() -> None:
    """The call is over for it, whatever it sends."""
    call = an_answered_call(legs=[PHONE, TABLET])

    for late in (
        hangup_from(TABLET),
        reject_from(TABLET),
        candidates_from(TABLET, line()),
        app_message_from(TABLET),
    ):
        outcome = step(call, late)
        assert is_untouched(outcome, call)
        assert refusal(outcome) == Refusal("WRONG_STATE", ended=ELSEWHERE)


@pytest.mark.parametrize("negotiation", [0, 1])
def test_answer_may_name_the_first_offer(negotiation: int) -> None:
    """0 is the open one, which is the first."""
    answer = answer_from(PHONE, negotiation=negotiation)

    outcome = step(a_ringing_call(), answer)

    assert outcome.deliveries == (answered(ALICE, answer), won(PHONE))


def test_answer_to_an_offer_that_was_never_made_is_refused() -> None:
    """The call rings on."""
    call = a_ringing_call()

    outcome = step(call, answer_from(PHONE, negotiation=2))

    assert is_untouched(outcome, call)
    assert refusal(outcome) == Refusal("WRONG_STATE")


def test_answer_by_the_caller_is_refused() -> None:
    """Nobody answers their own offer."""
    call = a_ringing_call()

    outcome = step(call, answer_from(ALICE))

    assert is_untouched(outcome, call)
    assert refusal(outcome) == Refusal("WRONG_STATE")


def test_answer_after_cancel_hears_of_it() -> None:
    """Cancel first: the answer that crossed it is refused with the truth."""
    call = after(a_ringing_call(), hangup_from(ALICE))

    outcome = step(call, answer_from(PHONE))

    assert is_untouched(outcome, call)
    assert refusal(outcome) == Refusal("WRONG_STATE", ended=the_end(pb.END_REASON_CANCELLED, ALICE))


def test_cancel_after_answer_hangs_up() -> None:
    """Answer first: the cancel that crossed it ends an answered call, and both hear that."""
    outcome = step(an_answered_call(legs=[PHONE, TABLET]), hangup_from(ALICE))

    assert outcome.deliveries == (
        ended(ALICE, pb.END_REASON_HANGUP, by=ALICE),
        ended(PHONE, pb.END_REASON_HANGUP, by=ALICE),
    )


def test_answer_after_decline_hears_of_it() -> None:
    """A decline on one device and an answer on another: the first is the one."""
    call = after(a_ringing_call(legs=[PHONE, TABLET]), reject_from(PHONE))

    outcome = step(call, answer_from(TABLET))

    assert refusal(outcome) == Refusal(
        "WRONG_STATE", ended=the_end(pb.END_REASON_DECLINED_ELSEWHERE, PHONE)
    )


def test_decline_after_answer_hears_of_it() -> None:
    """The other order."""
    call = an_answered_call(legs=[PHONE, TABLET])

    outcome = step(call, reject_from(TABLET))

    assert refusal(outcome) == Refusal("WRONG_STATE", ended=ELSEWHERE)


def test_answer_just_before_the_deadline_wins() -> None:
    """The last moment counts."""
    outcome = step(a_ringing_call(), answer_from(PHONE), now=START + 59.999)

    assert the(outcome.call).state is State.ANSWERED


def test_answer_at_the_deadline_is_late() -> None:
    """Whoever notices the deadline first: it was over, and the answer hears that."""
    outcome = step(a_ringing_call(), answer_from(PHONE), now=START + 60.0)

    assert outcome.deliveries == (
        ended(ALICE, pb.END_REASON_NO_ANSWER),
        ended(PHONE, pb.END_REASON_NO_ANSWER),
    )
    assert refusal(outcome) == Refusal("WRONG_STATE", ended=the_end(pb.END_REASON_NO_ANSWER))


def test_winner_hears_that_the_caller_is_away() -> None:
    """A caller that lost its stream while it rang finds the answer when it is back."""
    answer = answer_from(PHONE)
    call = after(a_ringing_call(), detached(ALICE))

    outcome = step(call, answer)

    assert outcome.deliveries == (answered(ALICE, answer), won(PHONE), away(PHONE, ALICE))


def test_winner_hears_when_the_caller_is_back() -> None:
    """AWAY is followed by BACK."""
    call = after(a_ringing_call(), detached(ALICE), answer_from(PHONE))

    outcome = step(call, attached(ALICE))

    assert outcome.deliveries == (back(PHONE, ALICE),)


def test_caller_that_is_back_in_time_was_never_away() -> None:
    """Nobody hears of a stream that was lost and resumed while it rang."""
    call = after(a_ringing_call(), detached(ALICE), attached(ALICE))

    outcome = step(call, answer_from(PHONE))

    assert outcome.deliveries == (answered(ALICE, answer_from(PHONE)), won(PHONE))


def test_app_messages_reach_the_live_legs_while_it_rings() -> None:
    """The caller's go to every device that may still answer."""
    call = after(
        a_ringing_call(legs=[PHONE, TABLET, WATCH]),
        reject_from(TABLET, pb.REJECT_REASON_BUSY),
    )
    message = app_message_from(ALICE)

    outcome = step(call, message)

    assert outcome.deliveries == (forwarded(PHONE, message), forwarded(WATCH, message))


def test_app_message_of_a_leg_reaches_the_caller() -> None:
    """And no other leg."""
    message = app_message_from(PHONE)

    outcome = step(a_ringing_call(legs=[PHONE, TABLET]), message)

    assert outcome.deliveries == (forwarded(ALICE, message),)


@pytest.mark.parametrize(("sender", "peer"), [(ALICE, PHONE), (PHONE, ALICE)], ids=str)
def test_app_message_reaches_the_peer_once_answered(sender: Device, peer: Device) -> None:
    """And never its sender."""
    message = app_message_from(sender)

    outcome = step(an_answered_call(legs=[PHONE, TABLET]), message)

    assert outcome.deliveries == (forwarded(peer, message),)
