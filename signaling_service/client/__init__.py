"""A client of the service for asyncio: sessions, calls and what happens in them, typed.

    async with Client("127.0.0.1:50051", identity("bob", "phone")) as client:
        async for event in client:
            match event:
                case Incoming(call):
                    call.ring()
                    ...

What the service has said comes once and in order, however often the connection breaks: a
`Client` yields what concerns the device, a `Call` what concerns that call.
"""

from signaling_service.client.call import Call
from signaling_service.client.client import Client
from signaling_service.client.credentials import (
    Bearer,
    Credentials,
    Token,
    TokenSource,
    bearer,
    identity,
)
from signaling_service.client.errors import (
    ClientError,
    ClosedError,
    ContractError,
    PermissionDeniedError,
    ReplacedError,
    TooLargeError,
    UnauthenticatedError,
    UnreadError,
)
from signaling_service.client.events import (
    Answered,
    AppMessage,
    Away,
    Back,
    Busy,
    CallEvent,
    Candidates,
    Cause,
    Ended,
    Lost,
    Offered,
    PeerState,
    Reconnect,
    Refused,
    Rejected,
    Ringing,
    Waiting,
    Won,
)
from signaling_service.client.news import (
    ClientEvent,
    Connected,
    Disconnected,
    IceServers,
    Incoming,
    Missed,
)
from signaling_service.client.options import CallOptions, ClientOptions
from signaling_service.client.timing import Timing

__all__ = [
    "Answered",
    "AppMessage",
    "Away",
    "Back",
    "Bearer",
    "Busy",
    "Call",
    "CallEvent",
    "CallOptions",
    "Candidates",
    "Cause",
    "Client",
    "ClientError",
    "ClientEvent",
    "ClientOptions",
    "ClosedError",
    "Connected",
    "ContractError",
    "Credentials",
    "Disconnected",
    "Ended",
    "IceServers",
    "Incoming",
    "Lost",
    "Missed",
    "Offered",
    "PeerState",
    "PermissionDeniedError",
    "Reconnect",
    "Refused",
    "Rejected",
    "ReplacedError",
    "Ringing",
    "Timing",
    "Token",
    "TokenSource",
    "TooLargeError",
    "UnauthenticatedError",
    "UnreadError",
    "Waiting",
    "Won",
    "bearer",
    "identity",
]
