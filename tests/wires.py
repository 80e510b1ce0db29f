"""What carries a test device's messages: a stream of gRPC, or a WebSocket. Both are real."""

import asyncio
import re
import ssl
from collections.abc import Sequence
from typing import Final, Protocol, Self
from urllib.parse import quote

import grpc
from signaling.v1 import signaling_pb2 as pb
from signaling.v1 import signaling_pb2_grpc
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

WEB: Final = "ws"  # what an address over WebSocket begins with: `ws://…`, `wss://…`
# connections of its own, and straight to the service whatever the environment says
CHANNEL_OPTIONS: Final = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0))
CODES: Final = {code.value[0]: code for code in grpc.StatusCode}
TOO_BIG: Final = 1009  # the close code of the protocol itself (RFC 6455 §7.4.1)
CONNECT: Final = "/signaling.v1.SignalingService/Connect"
NORMAL: Final = (1000, 1005)
TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2

Metadata = Sequence[tuple[str, str]]
Status = tuple[grpc.StatusCode, str]


class Wire(Protocol):
    """One connection of one device."""

    async def write(self, message: bytes) -> None:
        """Send a message."""

    async def read(self) -> bytes | None:
        """The next message, None if there will be none."""

    async def half_close(self) -> None:
        """Say that nothing more will be sent."""

    async def is_noticed(self, identity: Metadata) -> None:
        """Wait until the service has begun the stream."""

    async def ending(self) -> Status:
        """Wait until the service ends it; returns how."""

    async def close(self) -> None:
        """Lose it."""


class GrpcWire:
    """A stream on a channel of its own."""

    def __init__(self, channel: grpc.aio.Channel, metadata: Metadata, method: str) -> None:
        self._channel = channel
        call: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(method)
        self._stream = call(metadata=tuple(metadata))

    async def write(self, message: bytes) -> None:
        """See `Wire`."""
        await self._stream.write(message)

    async def read(self) -> bytes | None:
        """See `Wire`."""
        try:
            message = await self._stream.read()
        except grpc.aio.AioRpcError:
            return None  # its status is asked for where it matters
        return message if isinstance(message, bytes) else None

    async def half_close(self) -> None:
        """See `Wire`."""
        await self._stream.done_writing()

    async def is_noticed(self, identity: Metadata) -> None:
        """See `Wire`; it has said that it begins, and then answers another request."""
        await self._stream.initial_metadata()
        stub = signaling_pb2_grpc.SignalingServiceStub(self._channel)
        await stub.GetIceServers(pb.GetIceServersRequest(), metadata=tuple(identity))

    async def ending(self) -> Status:
        """See `Wire`."""
        return await self._stream.code(), await self._stream.details()

    async def close(self) -> None:
        """See `Wire`."""
        self._stream.cancel()
        await self._channel.close()


class WebSocketWire:
    """A connection; its end is told as gRPC would."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    @classmethod
    async def to(cls, url: str, metadata: Metadata, tls: ssl.SSLContext | None = None) -> Self:
        """Connect; metadata become subprotocols where a browser could send them."""
        offered = ["signaling.v1"]
        headers = []
        for key, value in metadata:
            named = f"{key}.{quote(value, safe='')}"
            if key == "authorization":
                named = f"bearer.{value.removeprefix('Bearer ')}"
            if key in ("authorization", "user-id", "device-id") and TOKEN.fullmatch(named):
                offered.append(named)
            else:
                headers.append((key, value))
        return cls(
            await connect(
                url,
                subprotocols=[Subprotocol(each) for each in offered],
                additional_headers=headers,
                compression=None,
                max_queue=None,
                ping_interval=None,
                proxy=None,
                ssl=tls,
            )
        )

    async def write(self, message: bytes) -> None:
        """See `Wire`; who writes to what is over is told by its end, as with gRPC."""
        try:
            await self._connection.send(message)
        except ConnectionClosed:
            raise asyncio.InvalidStateError from None

    async def read(self) -> bytes | None:
        """See `Wire`."""
        try:
            return await self._connection.recv(decode=False)
        except ConnectionClosed:
            return None

    async def half_close(self) -> None:
        """See `Wire`: this transport has no other goodbye, and nobody says that it was heard."""
        handlers = _handlers()
        await self._connection.close()
        while _handlers() >= handlers:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            # a task may begin, too, and that wakes nobody: look again before long
            await asyncio.wait(others, timeout=0.05, return_when=asyncio.FIRST_COMPLETED)

    async def is_noticed(self, _identity: Metadata) -> None:
        """See `Wire`; whatever answers pings has begun the stream before."""
        await (await self._connection.ping())

    async def ending(self) -> Status:
        """See `Wire`."""
        await self._connection.wait_closed()
        code, reason = self._connection.close_code, self._connection.close_reason or ""
        if code == TOO_BIG:
            return grpc.StatusCode.RESOURCE_EXHAUSTED, reason
        if code in NORMAL:
            return grpc.StatusCode.OK, reason
        return CODES.get((code or 0) - 4000, grpc.StatusCode.UNAVAILABLE), reason

    async def close(self) -> None:
        """See `Wire`."""
        self._connection.transport.abort()
        await self._connection.wait_closed()


def _handlers() -> int:
    """How many connections the service, which is in this process, is busy with."""
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return sum(name.endswith("Edge._serve") for name in names)


def channel_to(address: str, tls: grpc.ChannelCredentials | None = None) -> grpc.aio.Channel:
    """A connection to a service, with TLS or without."""
    if tls is None:
        return grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
    return grpc.aio.secure_channel(address, tls, options=CHANNEL_OPTIONS)


async def wire_to(
    address: str,
    metadata: Metadata,
    tls: grpc.ChannelCredentials | None = None,
    method: str = CONNECT,
) -> Wire:
    """Connect over whichever transport an address is of."""
    if address.startswith(WEB):
        return await WebSocketWire.to(address, metadata)
    channel = channel_to(address, tls)
    await channel.channel_ready()
    return GrpcWire(channel, metadata, method)
