"""What a request must look like: the exact code for everything that may be wrong with one."""

import re
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.errors import (
    InvalidMessageError,
    LimitExceededError,
    RefusedError,
    TooLargeError,
)
from signaling_service.core.requests import check, check_hello
from signaling_service.core.rules import Limits
from tests.core.names import CALL_ID, line, sdp

LIMITS = Limits()
INVALID, LARGE, MANY = InvalidMessageError, TooLargeError, LimitExceededError


def checked(call_id: str = CALL_ID, **payload: Any) -> None:
    """Check a request with this payload."""
    request = pb.ConnectRequest(call_id=call_id, **payload)
    check(request, request.WhichOneof("payload"), LIMITS)


def an_offer(**fields: Any) -> pb.SdpOffer:
    """A first offer that is all right but for these fields."""
    return pb.SdpOffer(**{"recipient_user_id": "bob", "sdp": sdp("x"), **fields})


def candidates(*members: pb.IceCandidate) -> pb.IceCandidates:
    """Candidates in one message."""
    return pb.IceCandidates(candidates=members)


def a_line_of(size: int) -> str:
    """A candidate line of so many bytes."""
    return line().ljust(size, "x")


GOOD: dict[str, dict[str, Any]] = {
    "first offer": {"offer": an_offer()},
    "offer to a device": {"offer": an_offer(recipient_device_id="phone")},
    "offer within a call": {"offer": pb.SdpOffer(sdp="v=0\r\n")},
    "sealed offer": {"offer": pb.SdpOffer(sealed=b"\0\xff")},
    "largest sdp": {"offer": an_offer(sdp="v=0".ljust(32 * 1024, "x"))},
    "largest sealed": {"offer": pb.SdpOffer(sealed=b"x" * 32 * 1024)},
    "shortest ring": {"offer": an_offer(ring_timeout=Duration(seconds=5))},
    "longest ring": {"offer": an_offer(ring_timeout=Duration(seconds=180))},
    "routing": {"offer": an_offer(routing=pb.ROUTING_PRIMARY_DEVICE)},
    "policy": {"offer": an_offer(offline_policy=pb.OFFLINE_POLICY_FAIL)},
    "most metadata": {"offer": an_offer(metadata={"name": "x" * 1020})},
    "answer": {"answer": pb.SdpAnswer(sdp=sdp(), negotiation=4_000_000_000)},
    "sealed answer": {"answer": pb.SdpAnswer(sealed=b"x")},
    "candidate": {"candidates": candidates(pb.IceCandidate(candidate=line()))},
    "end of candidates": {"candidates": candidates(pb.IceCandidate())},
    "32 candidates": {"candidates": candidates(*[pb.IceCandidate(candidate=line())] * 32)},
    "longest line": {"candidates": candidates(pb.IceCandidate(candidate=a_line_of(1024)))},
    "longest names": {
        "candidates": candidates(
            pb.IceCandidate(candidate=line(), sdp_mid="m" * 256, username_fragment="u" * 256)
        )
    },
    "candidate of a browser": {
        "candidates": candidates(
            pb.IceCandidate(
                candidate=line(), sdp_mid="0", sdp_m_line_index=0, username_fragment="Ufr4"
            )
        )
    },
    "last m-line": {
        "candidates": candidates(pb.IceCandidate(candidate=line(), sdp_m_line_index=0xFFFF))
    },
    "ring with a fraction": {
        "offer": an_offer(ring_timeout=Duration(seconds=5, nanos=999_999_999))
    },
    "metadata for people": {
        "offer": an_offer(metadata={"name": "\u200fאבג 👩\u200d🚀", "note": "a\n\tb"})
    },
    "ringing": {"ringing": pb.Ringing()},
    "reject": {"reject": pb.Reject()},
    "reject with a reason": {"reject": pb.Reject(reason=pb.REJECT_REASON_IGNORED)},
    "hangup": {"hangup": pb.Hangup()},
    "text of two lines": {"hangup": pb.Hangup(text="bye\r\n\tthen")},
    "longest text": {"hangup": pb.Hangup(text="x" * 1024)},
    "state": {"connection_state": pb.ConnectionState(state=pb.PEER_CONNECTION_STATE_NEW)},
    "app message": {"app_message": pb.AppMessage()},
    "largest body": {"app_message": pb.AppMessage(content_type="x" * 128, body=b"x" * 4096)},
    "refresh of no call": {"call_id": "", "refresh": pb.Refresh()},
}

BAD: dict[str, tuple[type[RefusedError], dict[str, Any]]] = {
    "unknown payload": (INVALID, {}),
    "offer without description": (INVALID, {"offer": pb.SdpOffer(recipient_user_id="bob")}),
    "empty sdp": (INVALID, {"offer": an_offer(sdp="")}),
    "empty sealed": (INVALID, {"offer": pb.SdpOffer(sealed=b"")}),
    "sdp of something else": (INVALID, {"offer": an_offer(sdp="o=- 1 1")}),
    "sdp with a NUL": (INVALID, {"offer": an_offer(sdp="v=0\r\n\0")}),
    "sdp too large": (LARGE, {"offer": an_offer(sdp="v=0".ljust(32 * 1024 + 1, "x"))}),
    "sdp too large in bytes": (LARGE, {"offer": an_offer(sdp="v=0" + "é" * 16 * 1024)}),
    "sealed too large": (LARGE, {"offer": pb.SdpOffer(sealed=b"x" * (32 * 1024 + 1))}),
    "device without user": (
        INVALID,
        {"offer": an_offer(recipient_user_id="", recipient_device_id="phone")},
    ),
    "empty device": (INVALID, {"offer": an_offer(recipient_device_id="")}),
    "user with a space": (INVALID, {"offer": an_offer(recipient_user_id="bo b")}),
    "device with a newline": (INVALID, {"offer": an_offer(recipient_device_id="x\n")}),
    "ring too short": (INVALID, {"offer": an_offer(ring_timeout=Duration(nanos=999_999_999))}),
    "ring a little too short": (
        INVALID,
        {"offer": an_offer(ring_timeout=Duration(seconds=4, nanos=999_999_999))},
    ),
    "ring too long": (INVALID, {"offer": an_offer(ring_timeout=Duration(seconds=180, nanos=1))}),
    "ring of nothing": (INVALID, {"offer": an_offer(ring_timeout=Duration())}),
    "ring backwards": (INVALID, {"offer": an_offer(ring_timeout=Duration(seconds=-1))}),
    "ring for ages": (INVALID, {"offer": an_offer(ring_timeout=Duration(seconds=2**62))}),
    "ring of other nanos": (
        INVALID,
        {"offer": an_offer(ring_timeout=Duration(seconds=6, nanos=-1))},
    ),
    "ring of many nanos": (
        INVALID,
        {"offer": an_offer(ring_timeout=Duration(seconds=5, nanos=1_000_000_000))},
    ),
    "unknown routing": (INVALID, {"offer": an_offer(routing=999)}),
    "negative routing": (INVALID, {"offer": an_offer(routing=-1)}),
    "unknown policy": (INVALID, {"offer": an_offer(offline_policy=999)}),
    "too much metadata": (LARGE, {"offer": an_offer(metadata={"name": "x" * 1021})}),
    "metadata of 10,000 keys": (
        LARGE,
        {"offer": an_offer(metadata={str(number): "" for number in range(10_000)})},
    ),
    "metadata with a control character": (INVALID, {"offer": an_offer(metadata={"a": "\x1b[2J"})}),
    "metadata with a key of two lines": (INVALID, {"offer": an_offer(metadata={"a\n": "b"})}),
    "metadata too large in bytes": (LARGE, {"offer": an_offer(metadata={"é": "é" * 512})}),
    "answer without description": (INVALID, {"answer": pb.SdpAnswer()}),
    "answer too large": (LARGE, {"answer": pb.SdpAnswer(sealed=b"x" * (32 * 1024 + 1))}),
    "no candidates": (INVALID, {"candidates": candidates()}),
    "33 candidates": (MANY, {"candidates": candidates(*[pb.IceCandidate()] * 33)}),
    "line of 1025 bytes": (
        LARGE,
        {"candidates": candidates(pb.IceCandidate(candidate=a_line_of(1025)))},
    ),
    "line too large in bytes": (
        LARGE,
        {"candidates": candidates(pb.IceCandidate(candidate="é" * 513))},
    ),
    **{
        f"line with {mark!r}": (
            INVALID,
            {
                "candidates": candidates(
                    pb.IceCandidate(candidate=line()), pb.IceCandidate(candidate=f"a{mark}b")
                )
            },
        )
        for mark in "\r\n\0\x1b\x7f"
    },
    "mid too large": (LARGE, {"candidates": candidates(pb.IceCandidate(sdp_mid="m" * 257))}),
    "mid with a line break": (
        INVALID,
        {"candidates": candidates(pb.IceCandidate(sdp_mid="0\r\na=x"))},
    ),
    "ufrag with a NUL": (
        INVALID,
        {"candidates": candidates(pb.IceCandidate(username_fragment="u\0"))},
    ),
    "m-line beyond the last": (
        INVALID,
        {"candidates": candidates(pb.IceCandidate(sdp_m_line_index=0x10000))},
    ),
    "ufrag too large": (
        LARGE,
        {"candidates": candidates(pb.IceCandidate(username_fragment="u" * 257))},
    ),
    "unknown reason": (INVALID, {"reject": pb.Reject(reason=999)}),  # type: ignore[arg-type]  # a newer client's
    "text with a NUL": (INVALID, {"hangup": pb.Hangup(text="a\0")}),
    "text with an escape": (INVALID, {"hangup": pb.Hangup(text="\x1b]0;x\x07")}),
    "content type with a line break": (
        INVALID,
        {"app_message": pb.AppMessage(content_type="text/plain\r\nx: y")},
    ),
    "text too large": (LARGE, {"hangup": pb.Hangup(text="x" * 1025)}),
    "no state": (INVALID, {"connection_state": pb.ConnectionState()}),
    "unknown state": (
        INVALID,
        {"connection_state": pb.ConnectionState(state=999)},  # type: ignore[arg-type]  # a newer client's
    ),
    "body too large": (LARGE, {"app_message": pb.AppMessage(body=b"x" * 4097)}),
    "content type too large": (LARGE, {"app_message": pb.AppMessage(content_type="x" * 129)}),
}


@pytest.mark.parametrize("request_", GOOD.values(), ids=GOOD)
def test_good_request_passes(request_: dict[str, Any]) -> None:
    """At its limits too."""
    checked(**request_)


@pytest.mark.parametrize(("error", "request_"), BAD.values(), ids=BAD)
def test_bad_request_is_refused(error: type[RefusedError], request_: dict[str, Any]) -> None:
    """With the code that says what was wrong, and a sentence for a developer."""
    with pytest.raises(RefusedError) as refused:
        checked(**request_)

    assert type(refused.value) is error
    name = next(iter(request_), "unsupported")
    assert re.match(rf"{name}[.:]\S* ", str(refused.value)), str(refused.value)


def test_unknown_payload_is_called_unsupported() -> None:
    """A newer client finds the word."""
    with pytest.raises(InvalidMessageError, match="unsupported"):
        checked()


def test_refusal_does_not_repeat_what_was_sent() -> None:
    """It may be anything, and end up in a log."""
    with pytest.raises(RefusedError) as refused:
        checked(offer=an_offer(recipient_user_id="secret {x}"))

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "hello",
    [
        pb.Hello(),
        pb.Hello(session_id="anything at all", agent="x" * 256),
        pb.Hello(labels={"platform": "x" * 1016}),
    ],
    ids=["empty", "agent", "labels"],
)
def test_good_hello_passes(hello: pb.Hello) -> None:
    """At its limits too."""
    check_hello(hello, LIMITS)


@pytest.mark.parametrize(
    "hello",
    [pb.Hello(agent="x" * 257), pb.Hello(labels={"platform": "x" * 1017})],
    ids=["agent", "labels"],
)
def test_large_hello_is_refused(hello: pb.Hello) -> None:
    """What a session keeps for as long as it lives is small."""
    with pytest.raises(TooLargeError):
        check_hello(hello, LIMITS)


@pytest.mark.parametrize(
    "hello",
    [
        pb.Hello(agent="a\nb"),
        pb.Hello(agent="a\0"),
        pb.Hello(labels={"a": "\x1b"}),
        pb.Hello(labels={"\0": "a"}),
    ],
    ids=["agent", "NUL", "value", "key"],
)
def test_hello_with_control_characters_is_refused(hello: pb.Hello) -> None:
    """It is listed, and logged."""
    with pytest.raises(InvalidMessageError, match=r"hello\.\w+: has a control character"):
        check_hello(hello, LIMITS)


@pytest.mark.parametrize(
    ("limits", "request_"),
    [
        (Limits(sdp_bytes=3), {"offer": an_offer()}),
        (Limits(candidate_bytes=8), {"candidates": candidates(pb.IceCandidate(candidate=line()))}),
        (Limits(metadata_bytes=1), {"offer": an_offer(metadata={"a": "b"})}),
        (Limits(app_message_bytes=1), {"app_message": pb.AppMessage(body=b"xx")}),
    ],
    ids=["sdp", "candidate", "metadata", "app message"],
)
def test_limits_are_settings(limits: Limits, request_: dict[str, Any]) -> None:
    """An operator may allow less, or more."""
    request = pb.ConnectRequest(call_id=CALL_ID, **request_)

    with pytest.raises(TooLargeError, match=r"at most \d+"):
        check(request, request.WhichOneof("payload"), limits)


def test_fewer_candidates_may_be_allowed() -> None:
    """Also how many there are in a message."""
    message = candidates(pb.IceCandidate(), pb.IceCandidate())
    request = pb.ConnectRequest(call_id=CALL_ID, candidates=message)

    with pytest.raises(LimitExceededError, match="at most 1"):
        check(request, "candidates", Limits(candidates_per_message=1))
