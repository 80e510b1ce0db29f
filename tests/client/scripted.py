"""A service that does what a test tells it, stream by stream."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
from signaling.v1 import signaling_pb2 as pb
from signaling.v1 import signaling_pb2_grpc

Context = grpc.aio.ServicerContext[pb.ConnectRequest, pb.ConnectResponse]
Script = Callable[["Streamed"], Awaitable[None]]


class Streamed:
    """The service's end of one stream."""

    def __init__(self, requests: AsyncIterator[pb.ConnectRequest], context: Context) -> None:
        self._requests = requests
        self._context = context

    @property
    def token(self) -> str:
        """The bearer token that the stream came with, empty if none."""
        metadata = dict(self._context.invocation_metadata() or ())
        return str(metadata.get("authorization", "")).removeprefix("Bearer ")

    async def hears(self) -> pb.ConnectRequest:
        """The next request."""
        return await anext(self._requests)

    async def says(self, seq: int = 0, ack: int = 0, call: str = "", **payload: Any) -> None:
        """Send a response."""
        await self._context.write(pb.ConnectResponse(seq=seq, ack=ack, call_id=call, **payload))

    async def welcomes(self, *, resumed: bool = False, **rest: Any) -> pb.ConnectRequest:
        """Take the hello, and say welcome; returns the hello."""
        hello = await self.hears()
        await self.says(welcome=pb.Welcome(session_id="s", resumed=resumed, **rest))
        return hello

    def ends(self, code: grpc.StatusCode, detail: str = "") -> None:
        """End the stream with this status, when the script is over."""
        self._context.set_code(code)
        self._context.set_details(detail)

    async def stays(self) -> None:
        """Listen until the client closes its side."""
        async for _request in self._requests:
            pass


class _Servicer(signaling_pb2_grpc.SignalingServiceServicer):
    def __init__(self, scripts: tuple[Script, ...]) -> None:
        self._scripts = iter(scripts)

    async def Connect(  # type: ignore[override]  # noqa: N802 - it writes, it does not yield
        self, request_iterator: AsyncIterator[pb.ConnectRequest], context: Context
    ) -> None:
        await next(self._scripts)(Streamed(request_iterator, context))

    async def GetIceServers(  # noqa: N802 - gRPC's name
        self, request: pb.GetIceServersRequest, context: Context
    ) -> pb.GetIceServersResponse:
        raise AssertionError(f"no script is about {request} of {context}")


@asynccontextmanager
async def service(*scripts: Script) -> AsyncIterator[str]:
    """A service whose first stream follows the first script, and so on: its address."""
    server = grpc.aio.server()
    signaling_pb2_grpc.add_SignalingServiceServicer_to_server(_Servicer(scripts), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)
