"""The end: exactly one `ended` at every device that had been told of the call, nothing after."""

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Call, Device, Event, State
from tests.core.deliveries import ended, the_end
from tests.core.events import (
    CLOCK,
    answer_from,
    attached,
    connected,
    detached,
    gone,
    hangup_from,
    offer_from,
    overflow,
    reject_from,
)
from tests.core.factory import (
    CALLS,
    Refusal,
    a_connected_call,
    a_reconnecting_call,
    a_ringing_call,
    a_waiting_call,
    after,
    an_answered_call,
    an_ended_call,
    is_untouched,
    refusal,
    step,
    the,
)
from tests.core.names import ALICE, ALICES_PHONE, MALLORY, PHONE, START, TABLET, WATCH

DAY = 24 * 3600.0


def test_cancel_stops_every_device() -> None:
    """The caller has its confirmation, every leg the end."""
    outcome = step(a_ringing_call([PHONE, TABLET]), hangup_from(ALICE, "wrong number"))

    assert outcome.deliveries == (
        ended(ALICE, pb.END_REASON_CANCELLED, by=ALICE, text="wrong number"),
        ended(PHONE, pb.END_REASON_CANCELLED, by=ALICE, text="wrong number"),
        ended(TABLET, pb.END_REASON_CANCELLED, by=ALICE, text="wrong number"),
    )


def test_empty_text_stays_empty() -> None:
    """There is a difference between no text and an empty one."""
    outcome = step(a_waiting_call(), hangup_from(ALICE, ""))

    assert outcome.deliveries == (ended(ALICE, pb.END_REASON_CANCELLED, by=ALICE, text=""),)


@pytest.mark.parametrize("sender", [ALICE, PHONE], ids=str)
@pytest.mark.parametrize(
    "call",
    [an_answered_call(), a_connected_call(), a_reconnecting_call()],
    ids=lambda call: call.state.name,
)
def test_either_side_hangs_up(call: Call, sender: Device) -> None:
    """Both hear who did."""
    outcome = step(call, hangup_from(sender, "bye"))

    assert outcome.deliveries == (
        ended(ALICE, pb.END_REASON_HANGUP, by=sender, text="bye"),
        ended(PHONE, pb.END_REASON_HANGUP, by=sender, text="bye"),
    )
    assert the(outcome.call).state is State.ENDED


def test_losers_hear_nothing_of_the_hangup() -> None:
    """They had their end when the answer won."""
    outcome = step(an_answered_call([PHONE, TABLET]), hangup_from(ALICE))

    assert [delivery.device for delivery in outcome.deliveries] == [ALICE, PHONE]


def test_call_rings_out_at_its_deadline() -> None:
    """Caller and every leg hear it, once."""
    outcome = step(a_ringing_call([PHONE, TABLET]), CLOCK, now=START + 60.0)

    assert outcome.deliveries == (
        ended(ALICE, pb.END_REASON_NO_ANSWER),
        ended(PHONE, pb.END_REASON_NO_ANSWER),
        ended(TABLET, pb.END_REASON_NO_ANSWER),
    )
    assert is_untouched(step(outcome.call, CLOCK, now=START + 60.0), outcome.call)


@pytest.mark.parametrize("seconds", [5.0, 180.0])
def test_caller_may_choose_how_long_it_rings(seconds: float) -> None:
    """To the second, and not before."""
    call = a_ringing_call(offer=offer_from(ALICE, ring_timeout=seconds))

    assert is_untouched(step(call, CLOCK, now=START + seconds - 0.001), call)
    assert the(step(call, CLOCK, now=START + seconds).call).state is State.ENDED


@pytest.mark.parametrize(
    "call",
    [an_answered_call(), a_connected_call()],
    ids=lambda call: call.state.name,
)
def test_call_that_nobody_ends_expires(call: Call) -> None:
    """After 24 h both sides are told."""
    assert is_untouched(step(call, CLOCK, now=START + DAY - 1), call)

    outcome = step(call, CLOCK, now=START + DAY)

    assert outcome.deliveries == (
        ended(ALICE, pb.END_REASON_EXPIRED),
        ended(PHONE, pb.END_REASON_EXPIRED),
    )


def test_call_whose_clock_stands_still_expires_too() -> None:
    """Nothing keeps a call beyond 24 h."""
    call = after(a_reconnecting_call(), detached(PHONE))

    outcome = step(call, CLOCK, now=START + DAY)

    assert outcome.deliveries == (
        ended(ALICE, pb.END_REASON_EXPIRED),
        ended(PHONE, pb.END_REASON_EXPIRED),
    )


def test_ended_call_is_remembered_for_ten_minutes() -> None:
    """A late request still hears how it ended; afterwards there is no such call."""
    call = an_ended_call()
    truth = the_end(pb.END_REASON_HANGUP, ALICE)

    assert refusal(step(call, hangup_from(PHONE), now=START + 599.9)) == Refusal(
        "WRONG_STATE", ended=truth
    )
    forgotten = step(call, hangup_from(PHONE), now=START + 600.0)
    assert is_untouched(forgotten, None)
    assert refusal(forgotten) == Refusal("CALL_NOT_FOUND")


def test_clock_forgets_an_ended_call() -> None:
    """Nobody has to ask for it."""
    assert is_untouched(step(an_ended_call(), CLOCK, now=START + 600.0), None)


def test_forgotten_call_id_may_be_used_again() -> None:
    """The same step that forgets the call begins the next."""
    outcome = step(an_ended_call(), offer_from(MALLORY), now=START + 600.0)

    assert the(outcome.call).caller.device == MALLORY


@pytest.mark.parametrize(
    "event",
    [attached(PHONE), detached(PHONE), gone(PHONE), gone(ALICE), overflow(PHONE), CLOCK],
    ids=lambda event: event.kind,
)
@pytest.mark.parametrize("call", [None, CALLS[State.ENDED]], ids=["none", "ended"])
def test_nothing_comes_after_the_end(call: Call | None, event: Event) -> None:
    """What becomes of a session concerns no call that is over, or that never was."""
    outcome = step(call, event)

    assert is_untouched(outcome, call)
    assert outcome.refusal is None


@pytest.mark.parametrize(
    ("end", "heard"),
    [
        (hangup_from(ALICE), {d: the_end(pb.END_REASON_CANCELLED, ALICE) for d in (ALICE, PHONE)}),
        (
            reject_from(PHONE),
            {
                ALICE: the_end(pb.END_REASON_DECLINED, PHONE),
                PHONE: the_end(pb.END_REASON_DECLINED, PHONE),
                TABLET: the_end(pb.END_REASON_DECLINED_ELSEWHERE, PHONE),
            },
        ),
        (
            reject_from(PHONE, pb.REJECT_REASON_BUSY_EVERYWHERE),
            {
                ALICE: the_end(pb.END_REASON_BUSY, PHONE),
                TABLET: the_end(pb.END_REASON_DECLINED_ELSEWHERE, PHONE),
            },
        ),
    ],
    ids=["cancelled", "declined", "busy"],
)
def test_late_request_hears_how_it_ended_for_its_device(
    end: Event, heard: dict[Device, pb.CallEnded]
) -> None:
    """Each device hears again what it was told."""
    call = after(a_ringing_call([PHONE, TABLET]), end)

    for device, truth in heard.items():
        outcome = step(call, hangup_from(device))
        assert is_untouched(outcome, call)
        assert refusal(outcome) == Refusal("WRONG_STATE", ended=truth)


@pytest.mark.parametrize(
    ("ends", "truth"),
    [
        (
            [answer_from(PHONE), hangup_from(ALICE)],
            the_end(pb.END_REASON_ANSWERED_ELSEWHERE, PHONE),
        ),
        ([reject_from(PHONE)], the_end(pb.END_REASON_DECLINED_ELSEWHERE, PHONE)),
        ([hangup_from(ALICE)], the_end(pb.END_REASON_CANCELLED, ALICE)),
    ],
    ids=["answered", "declined", "cancelled"],
)
def test_device_that_never_rang_hears_how_it_ended(ends: list[Event], truth: pb.CallEnded) -> None:
    """A device of the callee that was woken too late ends its ring screen with the reason."""
    call = after(a_ringing_call([PHONE, TABLET]), *ends)

    outcome = step(call, answer_from(WATCH))

    assert is_untouched(outcome, call)
    assert refusal(outcome) == Refusal("WRONG_STATE", ended=truth)


def test_device_that_never_rang_hears_of_a_call_that_rang_out() -> None:
    """Also when the clock ended it."""
    outcome = step(a_ringing_call(), answer_from(WATCH), now=START + 60.0)

    assert refusal(outcome) == Refusal("WRONG_STATE", ended=the_end(pb.END_REASON_NO_ANSWER))


def test_device_that_never_rang_hears_who_has_the_call() -> None:
    """While the call goes on elsewhere."""
    call = an_answered_call()

    outcome = step(call, answer_from(WATCH))

    assert is_untouched(outcome, call)
    assert refusal(outcome) == Refusal(
        "NOT_A_PARTY", ended=the_end(pb.END_REASON_ANSWERED_ELSEWHERE, PHONE)
    )


@pytest.mark.parametrize(
    ("call", "device"),
    [(a_ringing_call(), WATCH), *((call, ALICES_PHONE) for call in CALLS.values() if call)],
    ids=str,
)
def test_other_device_of_a_party_is_no_party(call: Call, device: Device) -> None:
    """It may know of the call, but has no part in it."""
    outcome = step(call, hangup_from(device))

    assert is_untouched(outcome, call)
    assert refusal(outcome) == Refusal("NOT_A_PARTY")


@pytest.mark.parametrize("call", CALLS.values(), ids=[state.name for state in CALLS])
@pytest.mark.parametrize(
    "event",
    [answer_from(MALLORY), hangup_from(MALLORY), reject_from(MALLORY), connected(MALLORY)],
    ids=lambda event: event.kind,
)
def test_stranger_learns_nothing(call: Call | None, event: Event) -> None:
    """Every call, and none, look the same to one who has no part in it: byte by byte."""
    nothing = step(None, event)

    outcome = step(call, event)

    assert is_untouched(outcome, call)
    assert outcome.refusal is not None
    assert nothing.refusal is not None
    assert outcome.refusal.message(1) == nothing.refusal.message(1)
    assert refusal(outcome) == Refusal("CALL_NOT_FOUND")


def test_repeated_first_offer_hears_of_the_end() -> None:
    """A caller that sends its offer again after the end learns how it ended."""
    outcome = step(an_ended_call(), offer_from(ALICE))

    assert refusal(outcome) == Refusal("WRONG_STATE", ended=the_end(pb.END_REASON_HANGUP, ALICE))
