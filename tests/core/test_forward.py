"""The short cut for candidates: it comes to what the machine comes to, or leaves it alone."""

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Call, Device, Outcome, State
from signaling_service.core.relaying import forward
from signaling_service.core.rules import Limits
from tests.core.events import answer_from, candidates_from, reoffer_from, request_from
from tests.core.factory import (
    CALLS,
    RULES,
    a_ringing_call,
    after,
    an_answered_call,
    an_ended_call,
    step,
    the,
)
from tests.core.names import ALICE, MALLORY, PHONE, START, TABLET, line, sdp

LINE = line()


def of(ufrag: str, text: str = LINE, sdp_mid: str = "") -> pb.IceCandidate:
    """A candidate that names its generation."""
    return pb.IceCandidate(candidate=text, username_fragment=ufrag, sdp_mid=sdp_mid)


CALLERS, CALLEES = of("caller-1"), of("callee-1")
RESTARTED = after(an_answered_call(), reoffer_from(ALICE, sdp("restart-1")), answer_from(PHONE))


def forwarded(
    call: Call,
    sender: Device,
    *candidates: pb.IceCandidate,
    now: float = START,
    limits: Limits = RULES.limits,
) -> Outcome | None:
    """What the short cut comes to."""
    return forward(call, sender, candidates_from(sender, *candidates).request, now, limits)


def untraced(outcome: Outcome) -> Outcome:
    """An outcome as the short cut has it: relayed candidates are traced by their ack."""
    return outcome._replace(traced=())


@pytest.mark.parametrize(
    "state", [State.ANSWERED, State.CONNECTED, State.RECONNECTING], ids=lambda state: state.name
)
@pytest.mark.parametrize(
    ("sender", "candidates"),
    [
        (ALICE, [CALLERS]),
        (PHONE, [CALLEES] * 32),
        (ALICE, [of("caller-1", "", sdp_mid="0"), of("caller-1", line(2), sdp_mid="m" * 256)]),
    ],
    ids=["caller", "callee", "several"],
)
def test_short_cut_comes_to_the_same(
    state: State, sender: Device, candidates: list[pb.IceCandidate]
) -> None:
    """The same call, the same message to the peer."""
    call = the(CALLS[state])

    assert forwarded(call, sender, *candidates) == untraced(
        step(call, candidates_from(sender, *candidates))
    )


@pytest.mark.parametrize("traceparent", [None, "00-1-2-01"])
def test_short_cut_holds_what_comes_before_the_answer(traceparent: str | None) -> None:
    """The caller's, in order, and the trace keeps each: nothing is delivered that would tell."""
    event = candidates_from(ALICE, CALLERS)
    request = pb.ConnectRequest(traceparent=traceparent)
    request.MergeFrom(event.request)
    call = after(a_ringing_call(), candidates_from(ALICE, CALLERS, CALLERS))

    outcome = forward(call, ALICE, request, START, RULES.limits)

    assert outcome == step(call, event._replace(request=request))
    assert outcome is not None
    assert outcome.deliveries == ()
    assert [held.traceparent for held in the(outcome.call).relay.held] == ["", traceparent or ""]


@pytest.mark.parametrize("traceparent", [None, "00-1-2-01"])
def test_short_cut_carries_the_trace(traceparent: str | None) -> None:
    """As the machine does; where there is none, none appears."""
    event = candidates_from(ALICE, CALLERS)
    request = pb.ConnectRequest(traceparent=traceparent)
    request.MergeFrom(event.request)

    outcome = forward(an_answered_call(), ALICE, request, START, RULES.limits)

    assert outcome == untraced(step(an_answered_call(), event._replace(request=request)))
    assert outcome is not None
    (delivery,) = outcome.deliveries
    assert delivery.response.traceparent == (traceparent or "")
    assert delivery.response.HasField("traceparent") is bool(traceparent)


def test_short_cut_counts_on() -> None:
    """From what the machine has counted, and the machine from it."""
    many = candidates_from(ALICE, *[CALLERS] * 31)
    call = after(an_answered_call(), many, many)

    outcome = forwarded(call, ALICE, *[CALLERS] * 32)

    assert outcome == untraced(step(call, candidates_from(ALICE, *[CALLERS] * 32)))
    assert outcome is not None
    assert the(outcome.call).relay.counts[ALICE] == 94


def test_short_cut_counts_a_new_generation_from_the_beginning() -> None:
    """After an ICE restart."""
    call = after(RESTARTED, candidates_from(ALICE, of("unknown-yet")))

    assert forwarded(call, ALICE, of("restart-1")) == untraced(
        step(call, candidates_from(ALICE, of("restart-1")))
    )


@pytest.mark.parametrize(
    ("call", "sender"),
    [
        (a_ringing_call(), PHONE),
        (a_ringing_call(), MALLORY),
        (an_ended_call(), ALICE),
        (an_answered_call([PHONE, TABLET]), TABLET),
        (an_answered_call(), MALLORY),
    ],
    ids=["ringing leg", "stranger to a ringing call", "ended", "loser", "stranger"],
)
def test_other_senders_take_the_long_way(call: Call, sender: Device) -> None:
    """Only the sides of a live call."""
    assert forwarded(call, sender, CALLERS) is None


@pytest.mark.parametrize(
    "candidates",
    [
        [],
        [CALLERS] * 33,
        [pb.IceCandidate(candidate=line())],
        [of("", line(ufrag="caller-1"))],
        [of("callee-1")],
        [CALLERS, of("unknown")],
        [of("caller-1", "x" * 257)],
        [of("caller-1", "a\nb")],
        [of("caller-1", "a\0b")],
        [of("caller-1", sdp_mid="m" * 257)],
    ],
    ids=[
        "none",
        "too many",
        "no generation",
        "only in the line",
        "of the other side",
        "one of another generation",
        "perhaps too long",
        "line break",
        "NUL",
        "mid too long",
    ],
)
def test_other_candidates_take_the_long_way(candidates: list[pb.IceCandidate]) -> None:
    """Whatever needs a closer look, or a refusal."""
    assert forwarded(an_answered_call(), ALICE, *candidates) is None


def test_stale_candidates_take_the_long_way() -> None:
    """They have to be named."""
    assert forwarded(RESTARTED, ALICE, CALLERS) is None


def test_candidates_beyond_the_limit_take_the_long_way() -> None:
    """They are refused."""
    limits = Limits(candidates_per_generation=2)

    assert forwarded(an_answered_call(), ALICE, *[CALLERS] * 2, limits=limits) is not None
    assert forwarded(an_answered_call(), ALICE, *[CALLERS] * 3, limits=limits) is None


def test_sealed_descriptions_take_the_long_way() -> None:
    """Nothing is known of their generations."""
    offer = request_from(ALICE, offer=pb.SdpOffer(recipient_user_id="bob", sealed=b"\0"))

    assert forwarded(an_answered_call(offer=offer), ALICE, CALLERS) is None


def test_passed_deadline_takes_the_long_way() -> None:
    """The machine applies it first."""
    call = the(CALLS[State.RECONNECTING])

    assert forwarded(call, ALICE, CALLERS, now=START + 29.0) is not None
    assert forwarded(call, ALICE, CALLERS, now=START + 30.0) is None
