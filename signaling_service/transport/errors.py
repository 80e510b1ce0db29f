"""How a stream ends: a status and a fixed text, whatever went wrong inside."""

import secrets
from collections.abc import Mapping
from typing import Final, NamedTuple

from grpc import StatusCode

from signaling_service.auth.identity import BadCredentialsError
from signaling_service.core.buckets import Rate
from signaling_service.core.errors import (
    AckTooHighError,
    BackendAwayError,
    FencedError,
    MailboxFullError,
    SessionLostError,
    SignalingError,
    TooManyDevicesError,
)


class Status(NamedTuple):
    """A gRPC status and its text, the same for everybody."""

    code: StatusCode
    text: str


class StreamEndedError(SignalingError):
    """The stream ends, and how."""

    def __init__(self, how: Status) -> None:
        super().__init__(how.text)
        self.how = how


REPLACED: Final = Status(StatusCode.ABORTED, "replaced by a newer connection")
NO_HELLO: Final = Status(StatusCode.FAILED_PRECONDITION, "the first request must be a hello")
SECOND_HELLO: Final = Status(StatusCode.FAILED_PRECONDITION, "the session is open already")
HELLO_TIMEOUT: Final = Status(StatusCode.DEADLINE_EXCEEDED, "no hello in time")
NUMBERED_HELLO: Final = Status(StatusCode.INVALID_ARGUMENT, "a hello is unnumbered")
BAD_HELLO: Final = Status(StatusCode.INVALID_ARGUMENT, "hello.agent or hello.labels is too large")
NO_REQUEST: Final = Status(StatusCode.INVALID_ARGUMENT, "not a ConnectRequest")
NOT_OF_METHOD: Final = Status(StatusCode.INVALID_ARGUMENT, "not a request of this method")
UNIMPLEMENTED: Final = Status(StatusCode.UNIMPLEMENTED, "this method is not served")
SEQ_GAP: Final = Status(StatusCode.INVALID_ARGUMENT, "seq: there is a gap")
ACK_TOO_HIGH: Final = Status(StatusCode.INVALID_ARGUMENT, "ack: above what was sent")
WRITE_STUCK: Final = Status(StatusCode.RESOURCE_EXHAUSTED, "the device does not read")
ERRORS_UNREAD: Final = Status(StatusCode.RESOURCE_EXHAUSTED, "too many unacknowledged errors")
TOO_MANY_DEVICES: Final = Status(StatusCode.RESOURCE_EXHAUSTED, "the user has too many devices")
BACKEND_AWAY: Final = Status(StatusCode.UNAVAILABLE, "the service cannot reach its data")
SESSION_LOST: Final = Status(StatusCode.UNAVAILABLE, "the session was lost")
DRAINING: Final = Status(StatusCode.UNAVAILABLE, "draining")
KEYS_AWAY: Final = Status(StatusCode.UNAVAILABLE, "there are no keys to check tokens with")
TOKEN_OVER: Final = Status(StatusCode.UNAUTHENTICATED, "the token has expired")
OTHER_IDENTITY: Final = Status(StatusCode.PERMISSION_DENIED, "the token is another device's")
NO_DEVICE: Final = Status(StatusCode.PERMISSION_DENIED, "only a device may open this stream")
INTERNAL: Final = Status(StatusCode.INTERNAL, "internal error")
METADATA_TOO_LARGE: Final = Status(StatusCode.RESOURCE_EXHAUSTED, "too much request metadata")


_ENDINGS: Final[Mapping[type[SignalingError], Status]] = {
    AckTooHighError: ACK_TOO_HIGH,
    BackendAwayError: BACKEND_AWAY,
    FencedError: REPLACED,
    MailboxFullError: ERRORS_UNREAD,
    SessionLostError: SESSION_LOST,
    TooManyDevicesError: TOO_MANY_DEVICES,
}


# what ends a stream
ENDING: Final[tuple[type[SignalingError], ...]] = (StreamEndedError, *_ENDINGS)


def ending(error: SignalingError) -> Status:
    """How a stream ends that has met `error`.

    Raises:
        KeyError: it is none of `ENDING`.
    """
    return error.how if isinstance(error, StreamEndedError) else _ENDINGS[type(error)]


def unauthenticated(error: BadCredentialsError) -> Status:
    """How a request ends whose credentials are not good."""
    return Status(StatusCode.UNAUTHENTICATED, str(error))


def too_many_streams(rate: Rate) -> Status:
    """How a stream ends whose user has opened too many."""
    return Status(StatusCode.RESOURCE_EXHAUSTED, f"streams of a user: {rate}")


def internal() -> tuple[str, Status]:
    """An id for the log, and the status that tells the device of it and no more."""
    error_id = secrets.token_hex(4)
    return error_id, Status(INTERNAL.code, f"{INTERNAL.text} {error_id}")
