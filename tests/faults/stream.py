"""One gRPC stream of a test device, from its hello until it ends."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import grpc
from signaling.v1 import signaling_pb2 as pb
from signaling.v1.signaling_pb2_grpc import SignalingServiceStub

from tests.faults.session import ACK_EVERY, Session

ACK_DELAY: Final = 0.05  # s; an ack waits this long for something to ride on
WELCOME_TIMEOUT: Final = 2.0  # s; then another node may be better
# so a node that says nothing more is found out about in two seconds
KEEPALIVE: Final = (
    ("grpc.keepalive_time_ms", 1000),
    ("grpc.keepalive_timeout_ms", 1000),
    ("grpc.http2.ping_timeout_ms", 1000),
    ("grpc.http2.max_pings_without_data", 0),
)
_OWN: Final = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0))
_DROPPED: Final = (
    grpc.aio.AioRpcError,
    grpc.aio.InternalError,
    asyncio.InvalidStateError,
    StopAsyncIteration,
    TimeoutError,
)


class Stream:
    """Carries what a session has to say and what it is told; `run` it once.

    Args:
        session: whose requests it writes.
        hear: called with every response, the welcome first.
        node: the address.
        keepalive: whether it finds out about a node that says nothing more.
    """

    def __init__(
        self,
        session: Session,
        hear: Callable[[pb.ConnectResponse], None],
        node: str,
        *,
        keepalive: bool,
    ) -> None:
        self.node = node
        self.is_open = False  # there was a welcome
        self._session = session
        self._hear = hear
        self._options = (*_OWN, *(KEEPALIVE if keepalive else ()))
        self._wake = asyncio.Event()  # there may be something to write
        self._is_ack_due = False
        self._is_leaving = False
        self._ack_timer: asyncio.TimerHandle | None = None
        self._carrying: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Write what the session has."""
        self._wake.set()

    def leave(self) -> None:
        """Flush, and close this side: the service then ends the stream."""
        self._is_leaving = True
        self._wake.set()

    def cut(self) -> None:
        """Lose the connection."""
        if self._carrying is not None:
            self._carrying.cancel()

    async def run(self, metadata: Sequence[tuple[str, str]]) -> str:
        """Open it and carry it to its end; returns how gRPC says that it ended."""
        ends: asyncio.Queue[str] = asyncio.Queue()
        async with grpc.aio.insecure_channel(self.node, self._options) as channel:
            call = SignalingServiceStub(channel).Connect(metadata=tuple(metadata))
            # the first word about the end: a write under way would hide it behind its own
            call.add_done_callback(lambda done: ends.put_nowait(_status(done)))
            carrying = self._carrying = asyncio.create_task(self._carry(call))
            try:
                await asyncio.wait([carrying])
            finally:
                carrying.cancel()
                call.cancel()
                if self._ack_timer is not None:
                    self._ack_timer.cancel()
            if not carrying.cancelled():
                with suppress(*_DROPPED):
                    carrying.result()
            return await ends.get()

    async def _carry(self, call: Any) -> None:
        responses = aiter(call)
        async with asyncio.timeout(WELCOME_TIMEOUT):
            await call.write(self._session.hello())
            welcome = await anext(responses)
        self.is_open = True
        self._session.begin(welcome, self.node)
        self._receive(welcome)
        writer = asyncio.create_task(self._write(call))
        try:
            async for response in responses:
                self._receive(response)
        finally:
            writer.cancel()
            await asyncio.wait([writer])

    async def _write(self, call: Any) -> None:
        """Write what there is; grpc.aio takes one write at a time."""
        with suppress(*_DROPPED):
            while True:
                self._wake.clear()
                while (request := self._session.next_request()) is not None:
                    await call.write(request)
                if self._is_ack_due or (self._is_leaving and self._session.owes_ack):
                    self._is_ack_due = False
                    await call.write(self._session.bare_ack())
                if self._is_leaving:
                    await call.done_writing()
                    return
                await self._wake.wait()

    def _receive(self, response: pb.ConnectResponse) -> None:
        self._hear(response)
        if response.HasField("draining"):
            delay = response.draining.reconnect_after.ToTimedelta().total_seconds()
            asyncio.get_running_loop().call_later(delay, self.leave)
        if self._session.heard - self._session.acked >= ACK_EVERY:
            self._ack()
        elif self._session.owes_ack and self._ack_timer is None:
            self._ack_timer = asyncio.get_running_loop().call_later(ACK_DELAY, self._ack)

    def _ack(self) -> None:
        self._ack_timer = None
        if self._session.owes_ack:
            self._is_ack_due = True
            self._wake.set()


def _status(call: Any) -> str:
    """How a call that is done has ended."""
    return f"{_known(call.code()).name}: {_known(call.details())}"


def _known(result: Any) -> Any:
    """The result of a coroutine that has nothing to wait for."""
    try:
        result.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("a call that is done knows its status")
