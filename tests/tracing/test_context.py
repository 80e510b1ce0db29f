"""Span contexts: what is understood of W3C's header, and what every node knows of a call."""

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.tracing.context import Place, is_chosen, of_call, parse, take

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CALLS = [f"call-{number}" for number in range(10_000)]


@pytest.mark.parametrize(("flags", "is_sampled"), [("01", True), ("00", False), ("03", True)])
def test_traceparent_is_understood(flags: str, is_sampled: bool) -> None:  # noqa: FBT001 - a case
    """Of its flags, the one that says whether it is recorded."""
    place = parse(f"00-{TRACE}-{SPAN}-{flags}")

    assert place == Place(int(TRACE, 16), int(SPAN, 16), is_sampled)


def test_traceparent_is_written_as_it_is_read() -> None:
    """In lower case, with all zeros."""
    for text in (f"00-{TRACE}-{SPAN}-01", f"00-{'0' * 31}1-{'0' * 15}1-00"):
        assert str(parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01 ",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-0٣",
    ],
)
def test_malformed_traceparent_is_taken_out(text: str) -> None:
    """As W3C asks: it neither fails the request nor goes any further."""
    request = pb.ConnectRequest(traceparent=text)

    assert take(request) is None
    assert not request.traceparent


def test_well_formed_traceparent_stays() -> None:
    """As it came, a version that is newer included."""
    request = pb.ConnectRequest(traceparent=f"01-{TRACE}-{SPAN}-00")

    assert take(request) is not None
    assert request.traceparent == f"01-{TRACE}-{SPAN}-00"


def test_a_call_has_one_place() -> None:
    """The same for whoever works it out, another one for each call, and a valid one."""
    assert str(of_call("my-first-call")) == str(parse(str(of_call("my-first-call"))))
    assert (
        str(of_call("my-first-call")) == "00-8f5aeca835ccf97cecfe1553edb2a23f-d6f24ad4ec55d48d-01"
    )
    assert len({of_call(call) for call in CALLS}) == len(CALLS)


@pytest.mark.parametrize("ratio", [0, 0.01, 0.5, 1])
def test_as_many_calls_are_chosen_as_asked_for(ratio: float) -> None:
    """And who is chosen at a ratio is at every higher one."""
    chosen = [call for call in CALLS if is_chosen(of_call(call), ratio)]

    assert len(chosen) == pytest.approx(ratio * len(CALLS), rel=0.25)
    assert all(is_chosen(of_call(call), (1 + ratio) / 2) for call in chosen)
