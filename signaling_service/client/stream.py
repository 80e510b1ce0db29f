"""One gRPC stream of a session, from its hello until it ends."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

import grpc
from signaling.v1 import signaling_pb2 as pb
from signaling.v1.signaling_pb2_grpc import SignalingServiceStub

from signaling_service.client.session import Session
from signaling_service.client.timing import Timing

Message = pb.ConnectRequest | pb.ConnectResponse
Metadata = Sequence[tuple[str, str | bytes]]
BidiCall = grpc.aio.StreamStreamCall[pb.ConnectRequest, pb.ConnectResponse]
WELCOME_TIMEOUT: Final = 20.0  # s; with the time that gRPC takes to connect
STATUS_TIMEOUT: Final = 1.0  # s; a stream that broke has its status in the next moment
MASK: Final = "Internal error from Core"
CHANNEL_OPTIONS: Final = (
    ("grpc.keepalive_time_ms", 15_000),  # finds out that the network is gone
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.use_local_subchannel_pool", 1),  # a new channel is a new connection, to any node
)
# what grpc.aio raises where a stream has ended
DROPPED: Final = (grpc.aio.AioRpcError, grpc.aio.InternalError, asyncio.InvalidStateError)


class Target(NamedTuple):
    """Where the service is: `host:port`, and TLS if there is to be any."""

    address: str
    tls: grpc.ChannelCredentials | None = None

    def dial(self) -> grpc.aio.Channel:
        """A channel, and with it a connection, of its own."""
        if self.tls is None:
            return grpc.aio.insecure_channel(self.address, CHANNEL_OPTIONS)
        return grpc.aio.secure_channel(self.address, self.tls, CHANNEL_OPTIONS)


class End(NamedTuple):
    """How a stream ended."""

    code: grpc.StatusCode
    detail: str
    pause: float | None = None  # s; how long a service that drains wants the device to wait yet


class Stream:
    """Carries a session's requests and responses until the stream ends.

    Args:
        session: whose numbers and requests.
        timing: how to wait.
        hear: called with every response that was not heard before, in order.
        observe: called with every message as it is written or read.
    """

    def __init__(
        self,
        session: Session,
        timing: Timing,
        hear: Callable[[pb.ConnectResponse], None],
        observe: Callable[[Message], None],
    ) -> None:
        self._session = session
        self._timing = timing
        self._hear = hear
        self._observe = observe
        self.is_open = False  # there was a welcome
        self._wake = asyncio.Event()  # there may be something to write
        self._is_ack_due = False
        self._is_leaving = False
        self._leave_at: float | None = None  # the loop's time; a service that drains set it
        self._group = asyncio.TaskGroup()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def wake(self) -> None:
        """Write what the session has for the service."""
        self._wake.set()

    def leave(self) -> None:
        """Flush, acknowledge, and close this side: the service then ends the stream."""
        self._session.outbox.release()  # it is the last chance
        self._close_side()

    async def run(self, target: Target, metadata: Metadata) -> End:
        """Open the stream and carry it to its end, which this returns. Run once."""
        async with target.dial() as channel:
            call = SignalingServiceStub(channel).Connect(metadata=tuple(metadata))
            status = _Status(call)
            with suppress(*DROPPED, StopAsyncIteration, TimeoutError):  # the status says more
                await self._carry(call)
            code, detail, _ = await status.end()
        if self._leave_at is None:
            return End(code, detail)
        return End(code, detail, max(self._leave_at - asyncio.get_running_loop().time(), 0.0))

    async def _carry(self, call: BidiCall) -> None:
        responses = aiter(call)
        async with asyncio.timeout(WELCOME_TIMEOUT):
            await self._put(call, self._session.hello())
            welcome = await anext(responses)
        async with self._group:
            self.is_open = True
            self._receive(welcome)
            self._spawn("write", self._write(call))
            with suppress(*DROPPED):
                await self._read(responses)
            for task in self._tasks.values():
                task.cancel()

    async def _read(self, responses: AsyncIterator[pb.ConnectResponse]) -> None:
        async for response in responses:
            self._receive(response)

    def _receive(self, response: pb.ConnectResponse) -> None:
        self._observe(response)
        if response.HasField("draining"):
            self._drain(response.draining.reconnect_after.ToTimedelta().total_seconds())
        if self._session.hear(response):
            self._hear(response)
        if self._session.is_ack_due:
            self._ack()
        elif self._session.owes_ack:
            self._spawn("ack", self._later(self._timing.ack_delay, self._ack))
        self._go_on_sending()

    def _go_on_sending(self) -> None:
        """Write what a response has made free, now or when the service wants it."""
        outbox = self._session.outbox
        if outbox.pause is not None:
            self._spawn("retry", self._later(self._timing.spread(outbox.pause), self._retry))
        elif outbox.has_next:
            self._wake.set()

    def _retry(self) -> None:
        self._session.outbox.go_on()
        self._wake.set()

    def _drain(self, seconds: float) -> None:
        self._leave_at = asyncio.get_running_loop().time() + seconds
        self._spawn("leave", self._later(seconds, self._close_side))

    def _close_side(self) -> None:
        self._is_leaving = True
        self._wake.set()

    async def _write(self, call: BidiCall) -> None:
        """Write what the service has not got, and an ack that nothing else has carried.

        The only task that writes: grpc.aio takes one write at a time.
        """
        with suppress(*DROPPED):  # the reader sees the end, after what is still to be read
            while True:
                while (request := self._session.next_request()) is not None:
                    await self._put(call, request)
                if self._session.owes_ack and (self._is_ack_due or self._is_leaving):
                    await self._put(call, self._session.bare_ack())
                self._is_ack_due = False
                if self._is_leaving:
                    await call.done_writing()
                    return
                await self._wake.wait()
                self._wake.clear()

    async def _put(self, call: BidiCall, request: pb.ConnectRequest) -> None:
        self._observe(request)
        await call.write(request)

    def _ack(self) -> None:
        self._is_ack_due = True
        self._wake.set()

    async def _later(self, seconds: float, act: Callable[[], None]) -> None:
        await self._timing.sleep(seconds)
        act()

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` beside the reading, unless work of that name is under way."""
        if name in self._tasks and not self._tasks[name].done():
            work.close()
            return
        self._tasks[name] = self._group.create_task(work)


class _Status:
    """How a stream ended, by gRPC's first word about it.

    When a stream ends while a write is in flight, grpc.aio puts an INTERNAL of its own over the
    status, and everybody who asks later gets that. Done callbacks have run by then. So this
    one is added before the first write. Should gRPC ever come with its own error first,
    there is a moment for the true one to follow; without it the end counts as a drop.
    """

    def __init__(self, call: BidiCall) -> None:
        self._end: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        call.add_done_callback(self._note)

    async def end(self) -> End:
        """Wait for the status; INTERNAL if gRPC has hidden it."""
        try:
            async with asyncio.timeout(STATUS_TIMEOUT):
                return await self._end
        except TimeoutError:
            return End(grpc.StatusCode.INTERNAL, MASK)

    def _note(self, call: Any) -> None:
        end = End(_now(call.code()), _now(call.details()))
        if not self._end.done() and end != (grpc.StatusCode.INTERNAL, MASK, None):
            self._end.set_result(end)


def _now(known: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that has nothing to wait for."""
    try:
        known.send(None)
    except StopIteration as result:
        return result.value
    raise AssertionError("a done call knows its status")
