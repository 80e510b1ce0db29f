"""What carries a device's messages: a stream of gRPC, or a WebSocket."""

from typing import Final, Protocol, Self
from urllib.parse import quote

from grpc import aio
from signaling.v1 import signaling_pb2 as pb
from signaling.v1 import signaling_pb2_grpc as rpc
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

WEB_SOCKET: Final = "ws://"  # what an address of this kind begins with
_DEVICE_ID: Final = "benchmark"


class Wire(Protocol):
    """Takes one message at a time, and gives one at a time."""

    async def write(self, request: pb.ConnectRequest) -> None:
        """Send a message; returns once there is room for the next."""

    async def read(self) -> pb.ConnectResponse | None:
        """The next message, None if there will be none."""

    async def ending(self) -> str:
        """How it ended."""

    def cancel(self) -> None:
        """Cut it."""


class GrpcWire:
    """A stream on a channel."""

    def __init__(self, channel: aio.Channel, user_id: str) -> None:
        self._stream = rpc.SignalingServiceStub(channel).Connect(
            metadata=(("user-id", user_id), ("device-id", _DEVICE_ID)), wait_for_ready=True
        )

    async def write(self, request: pb.ConnectRequest) -> None:
        """See `Wire.write`."""
        await self._stream.write(request)

    async def read(self) -> pb.ConnectResponse | None:
        """See `Wire.read`."""
        response = await self._stream.read()
        return response if isinstance(response, pb.ConnectResponse) else None

    async def ending(self) -> str:
        """See `Wire.ending`."""
        return str(await self._stream.code())

    def cancel(self) -> None:
        """See `Wire.cancel`."""
        self._stream.cancel()


class WebSocketWire:
    """A connection of its own."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    @classmethod
    async def to(cls, url: str, user_id: str) -> Self:
        """Connect to a URL."""
        who = (f"user-id.{quote(user_id)}", f"device-id.{_DEVICE_ID}")
        offered = [Subprotocol(each) for each in ("signaling.v1", *who)]
        connection = await connect(
            url, subprotocols=offered, compression=None, ping_interval=None, proxy=None
        )
        return cls(connection)

    async def write(self, request: pb.ConnectRequest) -> None:
        """See `Wire.write`."""
        await self._connection.send(request.SerializeToString())

    async def read(self) -> pb.ConnectResponse | None:
        """See `Wire.read`."""
        try:
            return pb.ConnectResponse.FromString(await self._connection.recv(decode=False))
        except ConnectionClosed:
            return None

    async def ending(self) -> str:
        """See `Wire.ending`."""
        return f"{self._connection.close_code} {self._connection.close_reason}"

    def cancel(self) -> None:
        """See `Wire.cancel`."""
        self._connection.transport.abort()
