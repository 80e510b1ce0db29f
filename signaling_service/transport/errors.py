"""How a stream ends: a status and a fixed text, whatever went wrong inside."""

import secrets
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from google.protobuf.message import Message
from grpc import StatusCode

from signaling_service.auth.identity import BadCredentialsError
from signaling_service.core.buckets import Rate
from signaling_service.core.errors import (
    AckTooHighError,
    BackendAwayError,
    FencedError,
    MailboxFullError,
    RefusedError,
    RevokedError,
    SessionLostError,
    SignalingError,
    TooManyDevicesError,
)
from signaling_service.core.rules import Limits


class Status(NamedTuple):
    """A gRPC status and its text, the same for everybody.

    `details` are messages of `google.rpc` that say it to a program.
    """

    code: StatusCode
    text: str
    details: tuple[Message, ...] = ()


class StreamEndedError(SignalingError):
    """The stream ends, and how."""

    def __init__(self, how: Status) -> None:
        super().__init__(how.text)
        self.how = how


OK: Final = Status(StatusCode.OK, "")
CANCELLED: Final = Status(StatusCode.CANCELLED, "")  # by the device, or its connection is lost
REPLACED: Final = Status(StatusCode.ABORTED, "replaced by a newer connection")
NO_HELLO: Final = Status(StatusCode.FAILED_PRECONDITION, "the first request must be a hello")
SECOND_HELLO: Final = Status(StatusCode.FAILED_PRECONDITION, "the session is open already")
HELLO_TIMEOUT: Final = Status(StatusCode.DEADLINE_EXCEEDED, "no hello in time")
NUMBERED_HELLO: Final = Status(StatusCode.INVALID_ARGUMENT, "a hello is unnumbered")
NO_REQUEST: Final = Status(StatusCode.INVALID_ARGUMENT, "not a ConnectRequest")
NOT_OF_METHOD: Final = Status(StatusCode.INVALID_ARGUMENT, "not a request of this method")
UNIMPLEMENTED: Final = Status(StatusCode.UNIMPLEMENTED, "this method is not served")
SEQ_GAP: Final = Status(StatusCode.INVALID_ARGUMENT, "seq: there is a gap")
ACK_TOO_HIGH: Final = Status(StatusCode.INVALID_ARGUMENT, "ack: above what was sent")
BACKEND_AWAY: Final = Status(StatusCode.UNAVAILABLE, "the service cannot reach its data")
SESSION_LOST: Final = Status(StatusCode.UNAVAILABLE, "the session was lost")
DRAINING: Final = Status(StatusCode.UNAVAILABLE, "draining")
KEYS_AWAY: Final = Status(StatusCode.UNAVAILABLE, "there are no keys to check tokens with")
REVOKED: Final = Status(StatusCode.UNAUTHENTICATED, "the device was disconnected")
TOKEN_OVER: Final = Status(StatusCode.UNAUTHENTICATED, "the token has expired")
OTHER_IDENTITY: Final = Status(StatusCode.PERMISSION_DENIED, "the token is another device's")
NO_DEVICE: Final = Status(StatusCode.PERMISSION_DENIED, "only a device may open this stream")
INTERNAL: Final = Status(StatusCode.INTERNAL, "internal error")


_ENDINGS: Final[Mapping[type[SignalingError], Status]] = {
    AckTooHighError: ACK_TOO_HIGH,
    BackendAwayError: BACKEND_AWAY,
    FencedError: REPLACED,
    RevokedError: REVOKED,
    SessionLostError: SESSION_LOST,
}


def errors_unread(limits: Limits) -> Status:
    """How a stream ends that leaves too many errors unacknowledged."""
    most = f"at most {limits.unacked_messages}, or {limits.unacked_bytes} bytes"
    return Status(StatusCode.RESOURCE_EXHAUSTED, f"unacknowledged errors: {most}")


def too_many_devices(limits: Limits) -> Status:
    """How a stream ends whose user has too many others."""
    text = f"devices of a user: at most {limits.devices_per_user} connected"
    return Status(StatusCode.RESOURCE_EXHAUSTED, text)


_LIMITED: Final[Mapping[type[SignalingError], Callable[[Limits], Status]]] = {
    MailboxFullError: errors_unread,
    TooManyDevicesError: too_many_devices,
}


# what ends a stream
ENDING: Final[tuple[type[SignalingError], ...]] = (StreamEndedError, *_ENDINGS, *_LIMITED)


def ending(error: SignalingError, limits: Limits) -> Status:
    """How a stream ends that has met `error`.

    Raises:
        KeyError: it is none of `ENDING`.
    """
    if isinstance(error, StreamEndedError):
        return error.how
    if limited := _LIMITED.get(type(error)):
        return limited(limits)
    return _ENDINGS[type(error)]


def unauthenticated(error: BadCredentialsError) -> Status:
    """How a request ends whose credentials are not good."""
    return Status(StatusCode.UNAUTHENTICATED, str(error))


def too_many_streams(rate: Rate) -> Status:
    """How a stream ends whose user has opened too many."""
    return Status(StatusCode.RESOURCE_EXHAUSTED, f"streams of a user: {rate}")


def bad_hello(refusal: RefusedError) -> Status:
    """How a stream ends whose hello is malformed."""
    return Status(StatusCode.INVALID_ARGUMENT, str(refusal))


def metadata_too_large(limit: int) -> Status:
    """How a request ends that has more than `limit` bytes of metadata."""
    return Status(StatusCode.RESOURCE_EXHAUSTED, f"request metadata: at most {limit} bytes")


def write_stuck(seconds: float) -> Status:
    """How a stream ends that was inside a write for too long."""
    text = f"the device does not read: a write took more than {seconds:g} s"
    return Status(StatusCode.RESOURCE_EXHAUSTED, text)


def internal() -> tuple[str, Status]:
    """An id for the log, and the status that tells the device of it and no more."""
    error_id = secrets.token_hex(4)
    return error_id, Status(INTERNAL.code, f"{INTERNAL.text} {error_id}")
