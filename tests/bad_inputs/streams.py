"""What is wrong with a stream, and ends it."""

from collections.abc import Mapping
from typing import Final

from grpc import StatusCode
from signaling.v1 import signaling_pb2 as pb

from tests.bad_inputs.case import MINE, Case, Ended, with_token

HELLO: Final = pb.ConnectRequest(hello=pb.Hello())
RINGING: Final = pb.ConnectRequest(call_id=MINE, ringing=pb.Ringing())
NO_REQUEST: Final = "not a ConnectRequest"
LARGE: Final = pb.ConnectRequest(
    seq=1, call_id=MINE, app_message=pb.AppMessage(body=b"x" * 64 * 1024)
)


def _invalid(text: str, *sends: pb.ConnectRequest | bytes) -> Case:
    return Ended(sends=sends, status=StatusCode.INVALID_ARGUMENT, text=text)


def _too_early(text: str, *sends: pb.ConnectRequest | bytes) -> Case:
    return Ended(sends=sends, status=StatusCode.FAILED_PRECONDITION, text=text)


def _not_served(method: str) -> Case:
    return Ended(status=StatusCode.UNIMPLEMENTED, text="Method not found!", method=method)


def _hello(text: str, **fields: object) -> Case:
    hello = pb.Hello(**fields)  # type: ignore[arg-type]  # the fields of a hello
    return _invalid(text, pb.ConnectRequest(hello=hello))


CASES: Final[Mapping[str, Case]] = {
    "not a hello first": _too_early("the first request must be a hello", RINGING),
    "an ack first": _too_early("the first request must be a hello", pb.ConnectRequest(ack=1)),
    "empty message first": _too_early("the first request must be a hello", b""),
    "hello twice": _too_early("the session is open already", HELLO, HELLO),
    "numbered hello": _invalid("a hello is unnumbered", pb.ConnectRequest(seq=1, hello=pb.Hello())),
    "agent too large": _hello("hello.agent: 257 bytes, at most 256", agent="x" * 257),
    "agent with a line break": _hello("hello.agent: has a control character", agent="a\r\nb"),
    "labels too large": _hello("hello.labels: 1025 bytes, at most 1024", labels={"x": "x" * 1024}),
    "3,000 labels": _hello(
        "hello.labels: 10890 bytes, at most 1024", labels={str(each): "" for each in range(3000)}
    ),
    "labels with NUL": _hello("hello.labels: has a control character", labels={"a": "\0"}),
    "random bytes first": _invalid(NO_REQUEST, b"\xff" * 100),
    "random bytes later": _invalid(NO_REQUEST, HELLO, b"\xff" * 100),
    "half a message": _invalid(NO_REQUEST, HELLO, b"\x22\x7f"),
    "no UTF-8": _invalid(NO_REQUEST, HELLO, b"\x1a\x02\xff\xfe"),
    "a gap in seq": _invalid("seq: there is a gap", HELLO, pb.ConnectRequest(seq=2)),
    "the highest seq": _invalid("seq: there is a gap", HELLO, pb.ConnectRequest(seq=2**32 - 1)),
    "an ack above what was sent": _invalid(
        "ack: above what was sent", HELLO, pb.ConnectRequest(ack=1)
    ),
    "the highest ack": _invalid(
        "ack: above what was sent", HELLO, pb.ConnectRequest(ack=2**32 - 1)
    ),
    "above 64 KiB": Ended(
        sends=[HELLO, LARGE],
        status=StatusCode.RESOURCE_EXHAUSTED,
        text=f"SERVER: Received message larger than max ({LARGE.ByteSize()} vs. 65536)",
    ),
    "token of 20 KB": Ended(
        status=StatusCode.RESOURCE_EXHAUSTED,
        text="received metadata size exceeds hard limit (value length 20007 vs. 8192)",
        metadata=lambda _: (("authorization", "Bearer " + "x" * 20_000),),
    ),
    "flood of metadata": Ended(
        status=StatusCode.RESOURCE_EXHAUSTED,
        text="",  # HTTP/2 has refused it
        metadata=lambda issuer: with_token(issuer) + (("x-more", "y"),) * 500,
    ),
    "unknown method": _not_served("/signaling.v1.SignalingService/Nope"),
    "unknown service": _not_served("/signaling.v2.SignalingService/Connect"),
    "reflection where it is off": _not_served(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    ),
}
