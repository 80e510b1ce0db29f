"""The ways to say no: for the whole user, or for one device."""

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Call, Event, LegState, State
from tests.core.deliveries import ended, progress, rings, the_end
from tests.core.events import (
    CLOCK,
    answer_from,
    attached,
    hangup_from,
    offer_from,
    reject_from,
    ringing_from,
)
from tests.core.factory import (
    CALLS,
    Refusal,
    a_ringing_call,
    after,
    is_untouched,
    refusal,
    step,
    the,
)
from tests.core.names import ALICE, PHONE, START, TABLET, WATCH

BUSY = (pb.REJECT_REASON_BUSY, LegState.BUSY, pb.END_REASON_BUSY, pb.PROGRESS_KIND_BUSY)
UNSUPPORTED = (
    pb.REJECT_REASON_UNSUPPORTED,
    LegState.REJECTED,
    pb.END_REASON_UNSUPPORTED,
    pb.PROGRESS_KIND_REJECTED,
)
CLOSED = [
    offer_from(ALICE, offline_policy=pb.OFFLINE_POLICY_FAIL),
    offer_from(ALICE, at=PHONE),
]


def test_ringing_reaches_the_caller_once() -> None:
    """Each device that rings is reported, the first time it says so."""
    call = a_ringing_call([PHONE, TABLET])

    outcome = step(call, ringing_from(PHONE))

    assert outcome.deliveries == (progress(ALICE, pb.PROGRESS_KIND_RINGING, PHONE),)
    assert is_untouched(step(outcome.call, ringing_from(PHONE)), outcome.call)
    assert step(outcome.call, ringing_from(TABLET)).deliveries == (
        progress(ALICE, pb.PROGRESS_KIND_RINGING, TABLET),
    )


@pytest.mark.parametrize(
    "decline",
    [
        reject_from(PHONE),
        reject_from(PHONE, pb.REJECT_REASON_UNSPECIFIED),
        hangup_from(PHONE),
    ],
    ids=["declined", "unspecified", "hangup"],
)
def test_decline_stops_every_device(decline: Event) -> None:
    """One person said no: caller and device hear it, the others that it was elsewhere."""
    outcome = step(a_ringing_call([PHONE, TABLET, WATCH]), decline)

    assert outcome.deliveries == (
        ended(ALICE, pb.END_REASON_DECLINED, by=PHONE),
        ended(PHONE, pb.END_REASON_DECLINED, by=PHONE),
        ended(TABLET, pb.END_REASON_DECLINED_ELSEWHERE, by=PHONE),
        ended(WATCH, pb.END_REASON_DECLINED_ELSEWHERE, by=PHONE),
    )


def test_decline_may_say_why() -> None:
    """The text of a callee's hangup reaches those who hear of a decline."""
    outcome = step(a_ringing_call([PHONE, TABLET]), hangup_from(PHONE, "later"))

    assert outcome.deliveries == (
        ended(ALICE, pb.END_REASON_DECLINED, by=PHONE, text="later"),
        ended(PHONE, pb.END_REASON_DECLINED, by=PHONE, text="later"),
        ended(TABLET, pb.END_REASON_DECLINED_ELSEWHERE, by=PHONE),
    )


def test_busy_everywhere_stops_every_device() -> None:
    """Like a decline, but the caller hears BUSY."""
    outcome = step(
        a_ringing_call([PHONE, TABLET]), reject_from(PHONE, pb.REJECT_REASON_BUSY_EVERYWHERE)
    )

    assert outcome.deliveries == (
        ended(ALICE, pb.END_REASON_BUSY, by=PHONE),
        ended(PHONE, pb.END_REASON_BUSY, by=PHONE),
        ended(TABLET, pb.END_REASON_DECLINED_ELSEWHERE, by=PHONE),
    )


@pytest.mark.parametrize(("reason", "leg", "end", "kind"), [BUSY, UNSUPPORTED])
def test_no_of_one_device_ends_its_leg(
    reason: pb.RejectReason.ValueType,
    leg: LegState,
    end: pb.EndReason.ValueType,
    kind: pb.ProgressKind.ValueType,
) -> None:
    """It has its `ended` at once, the caller hears of it, the others ring on."""
    outcome = step(a_ringing_call([PHONE, TABLET]), reject_from(PHONE, reason))

    assert outcome.deliveries == (ended(PHONE, end, by=PHONE), progress(ALICE, kind, PHONE))
    call = the(outcome.call)
    assert (call.state, call.legs[PHONE].state) == (State.RINGING, leg)
    assert the(step(call, answer_from(TABLET)).call).state is State.ANSWERED


def test_ignored_leg_ends_unseen() -> None:
    """The caller is not told that somebody looked at the screen and put the phone away."""
    outcome = step(a_ringing_call([PHONE, TABLET]), reject_from(PHONE, pb.REJECT_REASON_IGNORED))

    assert outcome.deliveries == (ended(PHONE, pb.END_REASON_IGNORED, by=PHONE),)
    assert the(outcome.call).legs[PHONE].state is LegState.IGNORED


@pytest.mark.parametrize(("reason", "leg", "end", "kind"), [BUSY, UNSUPPORTED])
def test_last_no_of_an_open_call_leaves_it_ringing(
    reason: pb.RejectReason.ValueType,
    leg: LegState,
    end: pb.EndReason.ValueType,
    kind: pb.ProgressKind.ValueType,
) -> None:
    """A phone that is being woken may still come."""
    outcome = step(a_ringing_call([PHONE]), reject_from(PHONE, reason))

    assert outcome.deliveries == (ended(PHONE, end, by=PHONE), progress(ALICE, kind, PHONE))
    assert the(outcome.call).legs[PHONE].state is leg
    assert step(outcome.call, attached(TABLET)).deliveries == (
        rings(TABLET, offer_from(ALICE), until=START + 60.0),
    )


@pytest.mark.parametrize("offer", CLOSED, ids=["fail", "named"])
@pytest.mark.parametrize(("reason", "leg", "end", "kind"), [BUSY, UNSUPPORTED])
def test_last_no_of_a_closed_call_ends_it(
    offer: Event,
    reason: pb.RejectReason.ValueType,
    leg: LegState,
    end: pb.EndReason.ValueType,
    kind: pb.ProgressKind.ValueType,
) -> None:
    """Nobody else can come, so the last leg's reason is the call's."""
    del leg, kind

    outcome = step(a_ringing_call([PHONE], offer), reject_from(PHONE, reason))

    assert outcome.deliveries == (ended(ALICE, end, by=PHONE), ended(PHONE, end, by=PHONE))
    assert the(outcome.call).state is State.ENDED


def test_last_of_several_nos_is_the_reason() -> None:
    """The first is reported as progress, the last as the end."""
    call = after(
        a_ringing_call([PHONE, TABLET], CLOSED[0]),
        reject_from(PHONE, pb.REJECT_REASON_UNSUPPORTED),
    )

    outcome = step(call, reject_from(TABLET, pb.REJECT_REASON_BUSY))

    assert outcome.deliveries == (
        ended(ALICE, pb.END_REASON_BUSY, by=TABLET),
        ended(TABLET, pb.END_REASON_BUSY, by=TABLET),
    )


def test_busy_after_ignored_is_the_last_leg() -> None:
    """An ignored leg rings no more; the next no is the last."""
    call = after(
        a_ringing_call([PHONE, TABLET], CLOSED[0]), reject_from(PHONE, pb.REJECT_REASON_IGNORED)
    )

    outcome = step(call, reject_from(TABLET, pb.REJECT_REASON_BUSY))

    assert outcome.deliveries == (
        ended(ALICE, pb.END_REASON_BUSY, by=TABLET),
        ended(TABLET, pb.END_REASON_BUSY, by=TABLET),
    )


@pytest.mark.parametrize("offer", [*CLOSED, offer_from(ALICE)], ids=["fail", "named", "open"])
def test_ignored_call_rings_out(offer: Event) -> None:
    """To the caller it is a call that nobody answers, until its deadline."""
    call = after(a_ringing_call([PHONE], offer), reject_from(PHONE, pb.REJECT_REASON_IGNORED))

    outcome = step(call, CLOCK, now=START + 60.0)

    assert outcome.deliveries == (ended(ALICE, pb.END_REASON_NO_ANSWER),)


@pytest.mark.parametrize(
    "reason",
    [
        pb.REJECT_REASON_DECLINED,
        pb.REJECT_REASON_BUSY_EVERYWHERE,
        pb.REJECT_REASON_BUSY,
        pb.REJECT_REASON_UNSUPPORTED,
        pb.REJECT_REASON_IGNORED,
    ],
    ids=pb.RejectReason.Name,
)
def test_reject_by_the_caller_is_refused(reason: pb.RejectReason.ValueType) -> None:
    """A caller cancels."""
    call = CALLS[State.RINGING]

    outcome = step(call, reject_from(ALICE, reason))

    assert is_untouched(outcome, call)
    assert refusal(outcome) == Refusal("WRONG_STATE")


def test_device_says_no_once() -> None:
    """Its second no hears what its first one came to."""
    call = after(a_ringing_call([PHONE, TABLET]), reject_from(PHONE, pb.REJECT_REASON_BUSY))

    outcome = step(call, reject_from(PHONE))

    assert is_untouched(outcome, call)
    assert refusal(outcome) == Refusal("WRONG_STATE", ended=the_end(pb.END_REASON_BUSY, PHONE))


def test_device_that_said_no_is_told_nothing_more() -> None:
    """Its `ended` was the last it heard of the call."""
    call = after(a_ringing_call([PHONE, TABLET]), reject_from(PHONE, pb.REJECT_REASON_BUSY))

    outcome = step(call, hangup_from(ALICE))

    assert outcome.deliveries == (
        ended(ALICE, pb.END_REASON_CANCELLED, by=ALICE),
        ended(TABLET, pb.END_REASON_CANCELLED, by=ALICE),
    )


def test_waiting_caller_hears_nothing_of_an_ignored_device() -> None:
    """Also when it is the only one that ever came."""
    call = after(a_ringing_call([], offer_from(ALICE)), attached(PHONE))

    outcome = step(call, reject_from(PHONE, pb.REJECT_REASON_IGNORED))

    assert outcome.deliveries == (ended(PHONE, pb.END_REASON_IGNORED, by=PHONE),)


def test_decline_of_a_live_call_is_refused() -> None:
    """Once answered, a side hangs up."""
    call: Call | None = CALLS[State.ANSWERED]

    outcome = step(call, reject_from(PHONE))

    assert is_untouched(outcome, call)
    assert refusal(outcome) == Refusal("WRONG_STATE")
