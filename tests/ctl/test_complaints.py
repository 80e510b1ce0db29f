"""What can go wrong, in one line that says what to do."""

import grpc
import pytest
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as details
from google.rpc import status_pb2
from grpc_status import rpc_status

from signaling_service.ctl.complaints import Complaint, of_rpc

NOWHERE = "127.0.0.1:1"


def complaint(code: grpc.StatusCode, text: str, *more: Message) -> Complaint:
    """What is said of an RPC that ended so."""
    packed = []
    for each in more:
        packed.append(Packed())
        packed[-1].Pack(each)
    status = status_pb2.Status(code=code.value[0], message=text, details=packed)
    trailing = grpc.aio.Metadata(*rpc_status.to_status(status).trailing_metadata)
    return of_rpc(grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, text), NOWHERE)


@pytest.mark.parametrize(
    ("code", "exit_code", "begin"),
    [
        (grpc.StatusCode.NOT_FOUND, 1, "not found: why"),
        (grpc.StatusCode.OUT_OF_RANGE, 1, "out of range: why; watch without --cursor"),
        (grpc.StatusCode.INVALID_ARGUMENT, 2, "not valid: why"),
        (grpc.StatusCode.UNAUTHENTICATED, 3, "not let in: why; say who you are with --token-file"),
        (grpc.StatusCode.PERMISSION_DENIED, 3, "not allowed: why; it takes credentials with the"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, 3, "too much: why; try again later"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, 3, "no answer in time: why"),
        (grpc.StatusCode.UNAVAILABLE, 3, "127.0.0.1:1 cannot serve now: why; try again"),
        (grpc.StatusCode.INTERNAL, 1, "internal: why"),
    ],
)
def test_each_status(code: grpc.StatusCode, exit_code: int, begin: str) -> None:
    """What it means, what the service says, and what to do; with its exit code."""
    said = complaint(code, "why")

    assert str(said).startswith(begin)
    assert said.code == exit_code


def test_details_in_words() -> None:
    """Which field is wrong, and how; and the reason with its values."""
    violation = details.BadRequest.FieldViolation(field="page_size", description="at most 1000")
    info = details.ErrorInfo(reason="INVALID_FIELD", metadata={"field": "page_size"})
    request = details.BadRequest(field_violations=[violation])

    said = complaint(grpc.StatusCode.INVALID_ARGUMENT, "page_size", info, request)

    assert (
        str(said) == "not valid: page_size; INVALID_FIELD field=page_size; page_size: at most 1000"
    )


def test_details_that_are_none() -> None:
    """Whoever answers there need not be the service."""
    trailing = grpc.aio.Metadata(("grpc-status-details-bin", b"\xff nonsense"))
    error = grpc.aio.AioRpcError(grpc.StatusCode.NOT_FOUND, grpc.aio.Metadata(), trailing, "why")

    assert str(of_rpc(error, NOWHERE)) == "not found: why"


def test_texts_are_not_obeyed() -> None:
    """Nor is what it says."""
    said = complaint(grpc.StatusCode.NOT_FOUND, "\x1b[2Jno [red]call[/red]\n")

    assert str(said) == "not found: \\x1b[2Jno [red]call[/red]\\n"
