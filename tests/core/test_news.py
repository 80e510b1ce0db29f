"""Events for other services: what they say, when they come, and what never comes."""

import pytest
from google.protobuf.duration_pb2 import Duration
from signaling.v1 import calls_pb2 as calls
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Call, Device, Event, Outcome, State, Verdict
from signaling_service.core.news import event_of, timestamp
from tests.core.events import (
    CLOCK,
    answer_from,
    candidates_from,
    connected,
    hangup_from,
    offer_from,
    reject_from,
    reports,
    request_from,
    ringing_from,
)
from tests.core.factory import (
    CALLS,
    World,
    a_barred_call,
    a_ringing_call,
    a_waiting_call,
    after,
    an_answered_call,
    step,
    the,
)
from tests.core.names import ALICE, CALL_ID, PHONE, START, TABLET

OFFER = pb.SdpOffer(
    recipient_user_id="bob",
    recipient_device_id="phone",
    sdp="v=0",
    metadata={"name": "Alice"},
    ring_timeout=Duration(seconds=30),
)


def kinds(outcome: Outcome) -> list[str | None]:
    """The kinds of the events of a step."""
    return [event.WhichOneof("event") for event in events(outcome)]


def events(outcome: Outcome) -> list[calls.SignalingEvent]:
    """What other services are told of a step."""
    return [event_of(each) for each in outcome.news]


def test_offer_is_pending_with_all_that_a_push_needs() -> None:
    """Who calls whom, what the app says of the call, how long it rings, who has it already."""
    offer = request_from(ALICE, offer=OFFER)

    (event,) = events(step(None, offer, world=World([PHONE, TABLET])))

    assert event == calls.SignalingEvent(
        time=timestamp(START),
        offer_pending=calls.OfferPendingEvent(
            call_id=CALL_ID,
            caller=ALICE.message(),
            recipient_user_id="bob",
            recipient_device_id="phone",
            metadata={"name": "Alice"},
            time_left=Duration(seconds=30),
            reached=[PHONE.message()],
        ),
    )


def test_offer_to_nobody_is_pending_as_well() -> None:
    """Above all to nobody: somebody has to wake the phone."""
    (event,) = events(step(None, offer_from(ALICE)))

    assert list(event.offer_pending.reached) == []
    assert not event.offer_pending.HasField("recipient_device_id")


@pytest.mark.parametrize("verdict", [Verdict.NOT_ALLOWED, Verdict.NOT_ALLOWED_OPENLY])
def test_nobody_is_woken_by_a_caller_whom_the_policy_refuses(verdict: Verdict) -> None:
    """The end is told, marked as one that the callee must not notice."""
    begun = step(None, offer_from(ALICE)._replace(verdict=verdict), world=World([PHONE]))
    call = the(begun.call)
    over = begun if call.state is State.ENDED else step(call, hangup_from(ALICE))

    assert [*begun.news[:-1], *over.news[:-1]] == []
    assert events(over)[-1].call_ended.barred


def test_nobody_is_woken_by_one_call_too_many() -> None:
    """It rings nobody, and what rings nobody is not pending."""
    assert kinds(step(a_barred_call(), CLOCK, now=START + 61)) == ["call_ended"]


def test_offer_that_waits_for_nobody_only_ends() -> None:
    """With FAIL, and nobody connected: it never rang."""
    offer = pb.SdpOffer(recipient_user_id="bob", sdp="v=0", offline_policy=pb.OFFLINE_POLICY_FAIL)

    assert kinds(step(None, request_from(ALICE, offer=offer))) == ["call_ended"]


def test_answer_settles_the_offer() -> None:
    """Before it is told that the call is answered."""
    settled, answered = events(step(a_ringing_call(), answer_from(PHONE), now=START + 7))

    assert settled.offer_settled == calls.OfferSettledEvent(
        call_id=CALL_ID,
        caller=ALICE.message(),
        recipient_user_id="bob",
        answered_by=PHONE.message(),
    )
    assert answered.call_answered == calls.CallAnsweredEvent(
        call_id=CALL_ID,
        caller=ALICE.message(),
        callee=PHONE.message(),
        ring_duration=Duration(seconds=7),
    )


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (hangup_from(ALICE), pb.END_REASON_CANCELLED),
        (reject_from(PHONE, pb.REJECT_REASON_DECLINED), pb.END_REASON_DECLINED),
        (Event("terminate"), pb.END_REASON_TERMINATED),
    ],
    ids=["cancel", "decline", "terminate"],
)
def test_end_settles_the_offer(event: Event, reason: pb.EndReason.ValueType) -> None:
    """The push is withdrawn, whatever the reason; then the call is over."""
    settled, over = events(step(a_ringing_call(), event))

    assert (settled.offer_settled.reason, over.call_ended.reason) == (reason, reason)
    assert not settled.offer_settled.HasField("answered_by")


def test_missed_call_is_told_whole() -> None:
    """How long it rang, and that nobody answered."""
    _, over = events(step(a_waiting_call(), CLOCK, now=START + 60))

    assert over.call_ended == calls.CallEndedEvent(
        call_id=CALL_ID,
        caller=ALICE.message(),
        callee_user_id="bob",
        reason=pb.END_REASON_NO_ANSWER,
        create_time=timestamp(START),
        ring_duration=Duration(seconds=60),
    )


def test_call_is_told_whole() -> None:
    """When it began, was answered and connected, how long it rang and they talked, who ended it."""
    call = the(step(a_ringing_call(), answer_from(PHONE), now=START + 5).call)
    call = the(step(call, connected(ALICE), now=START + 6).call)

    (over,) = events(step(call, hangup_from(PHONE), now=START + 65))

    assert over.call_ended == calls.CallEndedEvent(
        call_id=CALL_ID,
        caller=ALICE.message(),
        callee_user_id="bob",
        callee=PHONE.message(),
        reason=pb.END_REASON_HANGUP,
        ended_by=PHONE.message(),
        create_time=timestamp(START),
        answer_time=timestamp(START + 5),
        connect_time=timestamp(START + 6),
        ring_duration=Duration(seconds=5),
        talk_duration=Duration(seconds=60),
    )


def test_first_connection_alone_is_told() -> None:
    """Not that of the other side, nor the one after a failure."""
    call = an_answered_call()
    outcome = step(call, connected(ALICE), now=START + 2)
    (event,) = events(outcome)

    assert event.call_connected == calls.CallConnectedEvent(
        call_id=CALL_ID,
        caller=ALICE.message(),
        callee=PHONE.message(),
        setup_duration=Duration(seconds=2),
    )
    failed = reports(PHONE, pb.PEER_CONNECTION_STATE_FAILED)
    again = after(the(outcome.call), connected(PHONE), failed)
    assert kinds(step(again, connected(PHONE))) == []


@pytest.mark.parametrize("device", [ALICE, PHONE], ids=str)
def test_what_moves_no_call_is_no_event(device: Device) -> None:
    """Nor is it when a call is forgotten."""
    assert kinds(step(an_answered_call(), candidates_from(device))) == []
    assert kinds(step(CALLS[State.ENDED], CLOCK, now=START + 10_000)) == []


def test_ringing_device_is_no_event() -> None:
    """The call rang already."""
    assert kinds(step(a_ringing_call(), ringing_from(PHONE))) == []


def traced(call: Call | None, event: Event, now: float = START) -> list[tuple[object, ...]]:
    """What the trace keeps of a step."""
    return [tuple(each) for each in step(call, event, now=now, world=World([PHONE])).traced]


def test_trace_keeps_who_did_what() -> None:
    """And where the call stood from then on."""
    assert traced(None, offer_from(ALICE)) == [("offer", ALICE, State.RINGING, 0, 0)]
    assert traced(a_ringing_call(), answer_from(PHONE)) == [("answer", PHONE, State.ANSWERED, 0, 0)]


def test_trace_keeps_timers_and_the_reason_of_the_end() -> None:
    """What comes too late is refused, behind the timer."""
    late = traced(a_ringing_call(), answer_from(PHONE), now=START + 61)

    assert late == [
        ("deadline", None, State.ENDED, pb.END_REASON_NO_ANSWER, 0),
        ("answer", PHONE, State.ENDED, 0, pb.ERROR_CODE_WRONG_STATE),
    ]


def test_trace_keeps_nothing_that_is_none_of_the_calls() -> None:
    """Strangers cannot write into it, and what changes nothing is not in it."""
    assert traced(a_ringing_call(), answer_from(TABLET)) == []
    assert traced(None, hangup_from(ALICE)) == []
    assert traced(a_ringing_call(), CLOCK) == []
    assert traced(CALLS[State.ENDED], CLOCK, now=START + 10_000) == []
