"""What concerns the device and no single call of it, as classes to `match`."""

from dataclasses import dataclass, field

import grpc
from signaling.v1 import signaling_pb2 as pb

from signaling_service.client.call import Call
from signaling_service.client.events import Refused


@dataclass(frozen=True, slots=True)
class Connected:
    """The device has a stream. If not `resumed`, close every peer connection you have.

    Attributes:
        resumed: whether the session goes on. If not, its calls have ended, each with its
            `Ended` or `Lost`, and what the service had not acknowledged was dropped.
        calls: on a fresh session the calls that the service knows of, also those that ended
            while nobody could be told.
    """

    resumed: bool
    calls: tuple[pb.CallSnapshot, ...]
    welcome: pb.Welcome = field(repr=False)  # it has the session's secret


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The device has no stream; the client tries again `after` so many seconds."""

    code: grpc.StatusCode
    detail: str
    after: float


@dataclass(frozen=True, slots=True)
class Incoming:
    """Somebody calls: ring, then answer or reject."""

    call: Call


@dataclass(frozen=True, slots=True)
class Missed:
    """Somebody had called while this device was away; `call.ended` says how it ended."""

    call: Call


@dataclass(frozen=True, slots=True)
class IceServers:
    """Fresh STUN and TURN servers, before the last ones expire."""

    servers: tuple[pb.IceServer, ...] = field(repr=False)


ClientEvent = Connected | Disconnected | Incoming | Missed | IceServers | Refused
