"""Which messages belong to the trace of a request: what it causes, and nothing else."""

from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Call, Event, Outcome
from tests.core.events import answer_from, candidates_from, hangup_from, offer_from
from tests.core.factory import RULES, a_ringing_call, after, an_answered_call, step, the
from tests.core.names import ALICE, PHONE, START

OFFERS, CANDIDATES, ANSWERS = "00-offer", "00-candidates", "00-answer"


def traced(event: Event, traceparent: str) -> Event:
    """The event of a request that says where it belongs."""
    request = pb.ConnectRequest(traceparent=traceparent)
    request.MergeFrom(event.request)
    return event._replace(request=request)


def traces(outcome: Outcome) -> list[tuple[str | None, str]]:
    """What goes out, and the trace it belongs to."""
    return [
        (delivery.response.WhichOneof("payload"), delivery.response.traceparent)
        for delivery in outcome.deliveries
    ]


def test_what_a_request_causes_belongs_to_its_trace() -> None:
    """Its copy, and what others are told because of it; each held message keeps its own."""
    call = after(a_ringing_call(), traced(candidates_from(ALICE), CANDIDATES))

    outcome = step(call, traced(answer_from(PHONE), ANSWERS))

    assert traces(outcome) == [
        ("answer", ANSWERS),
        ("progress", ANSWERS),
        ("candidates", CANDIDATES),
    ]


def test_an_offer_keeps_its_trace_for_whoever_comes_later() -> None:
    """Nobody else's request causes it then."""
    call = step(None, traced(offer_from(ALICE), OFFERS)).call

    assert the(call).traceparent == OFFERS
    attached = Event("attached", PHONE, 1)
    assert traces(step(the(call), attached)) == [("offer", OFFERS)]


def test_what_time_does_belongs_to_nobody() -> None:
    """Also where a request finds out that it has passed."""
    call = a_ringing_call()
    late = START + RULES.ring_timeout

    outcome = step(call, traced(hangup_from(ALICE), ANSWERS), now=late)

    assert {traceparent for _, traceparent in traces(outcome)} == {""}
    assert outcome.refusal is not None


def test_a_request_without_a_trace_makes_none() -> None:
    """Not even an empty one."""
    call: Call = an_answered_call()

    for delivery in step(call, hangup_from(ALICE)).deliveries:
        assert not delivery.response.HasField("traceparent")
