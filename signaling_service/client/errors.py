"""What stops a client. Everything else it gets over by itself."""

from typing import ClassVar

import grpc


class ClientError(Exception):
    """The client has stopped, or a request was never sent."""

    codes: ClassVar[tuple[grpc.StatusCode, ...]] = ()  # the statuses of a stream that mean it


class ReplacedError(ClientError):
    """The same device has connected elsewhere: stay away, or the two throw each other out."""

    codes = (grpc.StatusCode.ABORTED,)


class UnauthenticatedError(ClientError):
    """The credentials are missing, malformed or no longer good; asked again, there were no better.

    Sign the person in again, then begin with a new client.
    """

    codes = (grpc.StatusCode.UNAUTHENTICATED,)


class PermissionDeniedError(ClientError):
    """The credentials are somebody else's, or allow no device."""

    codes = (grpc.StatusCode.PERMISSION_DENIED,)


class ContractError(ClientError):
    """The service does not take what this client says: one of the two is wrong."""

    codes = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION)


class UnreadError(ClientError):
    """Nobody has read the client's events."""


class ClosedError(ClientError):
    """The client has stopped: it sends nothing any more."""


class TooLargeError(ClientError):
    """The request is above the limit of the service, and was not sent."""


FINAL = {
    code: error
    for error in (ReplacedError, UnauthenticatedError, PermissionDeniedError, ContractError)
    for code in error.codes
}


def final_error(code: grpc.StatusCode, detail: str) -> ClientError | None:
    """The error that a stream's status means, None if the client is to connect again."""
    error = FINAL.get(code)
    return error(f"{code.name}: {detail}") if error else None
