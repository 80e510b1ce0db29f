"""What can go wrong, in a line that says what to do, and the exit code it has."""

from contextlib import suppress
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from signaling_service.client import ClientError, PermissionDeniedError, UnauthenticatedError
from signaling_service.ctl.wording import safe

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
BROKEN: Final = 3  # the service cannot be reached, or lets nobody in
INTERRUPTED: Final = 130  # as shells say it of SIGINT

WHO: Final = "say who you are with --token-file, or with --cert and --key"
ROLE: Final = "it takes credentials with the role service"
# a code, what it means here, and what to do about it
MEANINGS: Final = {
    grpc.StatusCode.NOT_FOUND: (FAILED, "not found", ""),
    grpc.StatusCode.OUT_OF_RANGE: (FAILED, "out of range", "watch without --cursor"),
    grpc.StatusCode.INVALID_ARGUMENT: (USAGE, "not valid", ""),
    grpc.StatusCode.UNAUTHENTICATED: (BROKEN, "not let in", WHO),
    grpc.StatusCode.PERMISSION_DENIED: (BROKEN, "not allowed", ROLE),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (BROKEN, "too much", "try again later"),
    grpc.StatusCode.DEADLINE_EXCEEDED: (BROKEN, "no answer in time", "is the service overloaded?"),
    grpc.StatusCode.UNIMPLEMENTED: (BROKEN, "unknown there", "is it the service, and not too old?"),
}
NO_CONNECTION: Final = ("failed to connect to all addresses", "errors resolving", "recvmsg")
HUNG_UPS: Final = ("Socket closed", "Connection reset by peer (104)")
HANDSHAKES: Final = ("Tls handshake", "Ssl handshake", "Handshake read failed")


class Complaint(Exception):  # noqa: N818 - it is what somebody is told
    """What went wrong, in words, and the exit code."""

    def __init__(self, code: int, *parts: str) -> None:
        super().__init__("; ".join(safe(part) for part in parts if part))
        self.code = code


def of_rpc(error: grpc.aio.AioRpcError, target: str) -> Complaint:
    """What a failed RPC means to whoever typed the command."""
    code, text = error.code(), error.details() or ""
    if code is grpc.StatusCode.UNAVAILABLE:
        return unavailable(text, target)
    exit_code, meaning, advice = MEANINGS.get(
        code, (FAILED, code.name.lower().replace("_", " "), "")
    )
    details = [each for each in _details(error) if each not in text]
    return Complaint(exit_code, f"{meaning}: {text}" if text else meaning, *details, advice)


def of_client(error: ClientError) -> Complaint:
    """What it means when a test device is turned away."""
    _, _, text = str(error).partition(": ")
    if isinstance(error, UnauthenticatedError):
        return Complaint(BROKEN, f"not let in: {text}", "--token-file says who a test device is")
    if isinstance(error, PermissionDeniedError):
        return Complaint(BROKEN, f"not allowed: {text}", "a test device has the role device")
    return Complaint(BROKEN, f"disconnected: {text or error}")


def unavailable(text: str, target: str) -> Complaint:
    """Nobody answers there, or somebody who cannot serve now."""
    if any(sign in text for sign in HANDSHAKES):
        advice = "does the service have TLS? --plaintext is without; --ca says whom to trust"
        return Complaint(
            BROKEN, f"no TLS with {target}", text.rpartition("last error: ")[2], advice
        )
    if text.endswith(HUNG_UPS):
        advice = "does it want TLS (--tls), or a certificate (--cert)?"
        return Complaint(BROKEN, f"{target} hangs up", advice)
    if any(sign in text for sign in NO_CONNECTION):
        reason = text.rpartition(": ")[2].strip("[]")
        advice = "is the service running? --target says where, --tls and --plaintext how"
        return Complaint(BROKEN, f"cannot reach {target}: {reason}", advice)
    return Complaint(BROKEN, f"{target} cannot serve now: {text}", "try again")


def _details(error: grpc.aio.AioRpcError) -> list[str]:
    """The `google.rpc` details of an error in words: what is wrong with which field, and why."""
    words: list[str] = []
    with suppress(ValueError, DecodeError):  # whoever answers need not be our service
        status = rpc_status.from_call(error)  # type: ignore[arg-type]  # it asks for less than its types say
        for packed in status.details if status else ():
            words += _words(packed)
    return words


def _words(packed: Any) -> list[str]:
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    if packed.Unpack(request):
        return [f"{each.field}: {each.description}" for each in request.field_violations]
    if packed.Unpack(info):
        return [" ".join([info.reason, *(f"{k}={v}" for k, v in info.metadata.items())])]
    return []
