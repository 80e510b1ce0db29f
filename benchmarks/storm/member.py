"""One device of a crowd: it keeps its session, and leaves when the service asks it to."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import grpc
from grpc import aio
from signaling.v1 import signaling_pb2 as pb
from signaling.v1 import signaling_pb2_grpc as rpc

from benchmarks.servers import BenchmarkError
from signaling_service.client import Timing

_DEVICE_ID: Final = "benchmark"
_TIMING: Final = Timing()  # how the client guide tells a device to wait


class Member:
    """A device that remembers its session from one stream to the next."""

    def __init__(self, user_id: str) -> None:
        self.user_id = user_id
        self.refused: list[str] = []  # hellos that were not welcomed: the status of each
        self.is_resumed = False
        self.reconnect_after: float | None = None  # s; what it was told when the service drained
        self.told = asyncio.Event()  # of that
        self.status: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._session_id: str | None = None
        self._seen = 0
        self._stream: Any = None
        self._leaving: asyncio.Task[None] | None = None

    async def comes(self, dial: Callable[[], aio.Channel]) -> None:
        """Be welcomed; what is refused is tried again, after the waits of the client guide."""
        while True:
            try:
                await self._says_hello(dial())
            except aio.AioRpcError as error:
                self.refused.append(error.code().name)
                await asyncio.sleep(_TIMING.backoff(len(self.refused) - 1))
            else:
                return

    async def listens(self) -> None:
        """Read until the stream ends, and leave when asked to."""
        stream = self._stream
        while isinstance(response := await _next(stream), pb.ConnectResponse):
            self._seen = response.seq or self._seen
            if response.HasField("draining"):
                self.reconnect_after = response.draining.reconnect_after.ToMilliseconds() / 1000
                self.told.set()
                self._leaving = asyncio.create_task(_leave(stream, self.reconnect_after))
        if self.told.is_set():
            self.status.set_result((await stream.code()).name)

    async def _says_hello(self, channel: aio.Channel) -> None:
        self._stream = rpc.SignalingServiceStub(channel).Connect(
            metadata=(("user-id", self.user_id), ("device-id", _DEVICE_ID)), wait_for_ready=True
        )
        hello = pb.Hello(agent="benchmarks/1", session_id=self._session_id)
        await self._stream.write(pb.ConnectRequest(hello=hello, ack=self._seen))
        response = await self._stream.read()
        if not isinstance(response, pb.ConnectResponse):
            raise BenchmarkError(f"{self.user_id} got no welcome: {await self._stream.code()}")
        self.is_resumed = response.welcome.resumed
        self._session_id = response.welcome.session_id


async def _next(stream: Any) -> object:
    """Return the next response; anything else, if there is none."""
    try:
        return await stream.read()
    except aio.AioRpcError:
        return grpc.aio.EOF


async def _leave(stream: Any, wait: float) -> None:
    """Close this side of the stream after that many seconds."""
    await asyncio.sleep(wait)
    await stream.done_writing()
