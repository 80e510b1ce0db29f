"""How a stream ends on a WebSocket: the gRPC status as a close code (RFC 6455 §7.4.2)."""

from typing import Final

from grpc import StatusCode

from signaling_service.transport.errors import OK, Status

PRIVATE: Final = 4000  # codes from here on are between a service and its clients
NORMAL: Final = 1000
REASON_BYTES: Final = 123  # a control frame has 125, and 2 of them are the code (§5.5)


def close_code(code: StatusCode) -> int:
    """The close code of a status: 1000 for OK, else 4000 and the number of the status."""
    return NORMAL if code is StatusCode.OK else PRIVATE + int(code.value[0])


def closing(status: Status | None) -> tuple[int, str]:
    """The code and the reason that a close frame has; None: all is well."""
    code, text, _ = status or OK
    return close_code(code), text.encode()[:REASON_BYTES].decode(errors="ignore")
