"""What an app may set, for a client and for a call."""

from collections.abc import Callable, Mapping
from typing import TypedDict

import grpc
from signaling.v1 import signaling_pb2 as pb

from signaling_service.client.stream import Message
from signaling_service.client.timing import Timing


class ClientOptions(TypedDict, total=False):
    """What a client may be told besides its address and credentials.

    Attributes:
        agent: name and version of the app.
        labels: what the operator wants to know of a device.
        tls: TLS to the service; without it the connection is plain.
        timing: how to wait.
        observe: called with every message as it is written or read, once for each stream. It
            sees what no log may have: descriptions, addresses, the session's secret.
    """

    agent: str
    labels: Mapping[str, str]
    tls: grpc.ChannelCredentials
    timing: Timing
    observe: Callable[[Message], None]


class CallOptions(TypedDict, total=False):
    """What a caller may choose.

    Attributes:
        call_id: a UUID; the client draws one unless it is given.
        device_id: the one device to call.
        ring_timeout: seconds, 5 to 180.
        routing: which devices ring.
        offline_policy: what happens when none is connected.
        metadata: for the called app, such as a display name or "video".
    """

    call_id: str
    device_id: str
    ring_timeout: float
    routing: pb.Routing.ValueType
    offline_policy: pb.OfflinePolicy.ValueType
    metadata: Mapping[str, str]
