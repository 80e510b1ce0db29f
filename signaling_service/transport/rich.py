"""Errors for other services: a status, and what a program can tell it by (AIP-193)."""

from enum import StrEnum
from typing import Final

from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from grpc import StatusCode

from signaling_service.transport.errors import Status, StreamEndedError

DOMAIN: Final = "signaling.v1"


class Reason(StrEnum):
    """Why, for a program."""

    CALL_NOT_FOUND = "CALL_NOT_FOUND"
    CURSOR_LOST = "CURSOR_LOST"
    INVALID_FIELD = "INVALID_FIELD"
    NOT_A_SERVICE = "NOT_A_SERVICE"
    TOO_MANY_WATCHERS = "TOO_MANY_WATCHERS"


def failure(code: StatusCode, reason: Reason, text: str, **about: str) -> StreamEndedError:
    """An RPC ends; `about` says what it is about."""
    info = ErrorInfo(reason=reason, domain=DOMAIN, metadata=about)
    return StreamEndedError(Status(code, text, (info,)))


def invalid(field: str, text: str) -> StreamEndedError:
    """A field of the request is not as it has to be."""
    info = ErrorInfo(reason=Reason.INVALID_FIELD, domain=DOMAIN, metadata={"field": field})
    violation = BadRequest.FieldViolation(field=field, description=text)
    details = (info, BadRequest(field_violations=[violation]))
    return StreamEndedError(Status(StatusCode.INVALID_ARGUMENT, f"{field}: {text}", details))


def no_call(call_id: str) -> StreamEndedError:
    """There is no such call, or it was forgotten."""
    text = "there is no such call, or it was forgotten"
    return failure(StatusCode.NOT_FOUND, Reason.CALL_NOT_FOUND, text, call_id=call_id)


NO_SERVICE: Final = failure(
    StatusCode.PERMISSION_DENIED, Reason.NOT_A_SERVICE, "only a service may ask for this"
).how
