"""A test device: bare gRPC, one session, over whatever nodes there are."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Any, Final, Self

import grpc
from signaling.v1 import signaling_pb2 as pb
from signaling.v1.signaling_pb2_grpc import SignalingServiceStub

from tests.faults.ledger import NO_CALL, Ledger, Sent
from tests.faults.profile import chance, lasts
from tests.faults.session import ACK_EVERY, Session

Remake = Callable[[], pb.ConnectRequest]

ACK_DELAY: Final = 0.05  # s; an ack waits this long for something to ride on
BACKOFF: Final = (0.02, 0.1)  # s; between two streams
RETRY: Final = (0.1, 0.3)  # s; until what was not stored is tried again
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


class Phone:
    """A device of a user: `async with` connects it; it comes back by itself.

    Args:
        name: `user/device`.
        nodes: the addresses it knows; the first stream goes to the first.
        ledger: where everything that it sees is kept.
        seed: of its chance.
        keepalive: whether it finds out about a node that says nothing more.
    """

    def __init__(
        self,
        name: str,
        nodes: Sequence[str],
        ledger: Ledger,
        seed: int,
        *,
        keepalive: bool = True,
    ) -> None:
        self.name = name
        self.user_id, _, self.device_id = name.partition("/")
        self.nodes = nodes
        self.ledger = ledger
        self.random = chance(seed, name)
        self.session = Session(name, ledger)
        self.node = ""  # where its stream is, "" while it has none
        self.streams = 0  # that were welcomed
        self.returns = True  # after its stream is lost
        self.incoming: asyncio.Queue[str] = asyncio.Queue()  # calls that it had not heard of
        self._options = (*_OWN, *(KEEPALIVE if keepalive else ()))
        self._calls: dict[str, asyncio.Queue[pb.ConnectResponse]] = {}
        self._open: set[str] = set()  # calls that it was told of
        self._over: set[str] = set()  # and of whose end; what still came would be a mistake
        self._remakes: dict[Sent, Remake] = {}
        self._last = ""  # the node of the last stream, or the last try
        self._wake = asyncio.Event()  # there may be something to write
        self._is_ack_due = False
        self._is_leaving = False
        self._is_settled = False  # since then there was nothing
        self._barriers = 0  # answers to `settles` that it has heard
        self._ack_timer: asyncio.TimerHandle | None = None
        self._call: Any = None
        self._carrying: asyncio.Task[None] | None = None
        self._life: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.comes_back()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            await self.rests()
        await self._stop()

    async def is_gone(self) -> None:
        """Go, and never come back: nothing that is said to it from now on has to arrive."""
        self.ledger.gone.add(self.name)
        await self._stop()

    async def _stop(self) -> None:
        assert self._life is not None
        self._life.cancel()
        await asyncio.wait([self._life])
        if not self._life.cancelled():
            self._life.result()

    async def comes_back(self) -> None:
        """Connect, at first or after it did not return."""
        if self._life is not None:
            await asyncio.wait([self._life])
        self.returns = True
        self._life = asyncio.create_task(self._live())
        await self.is_open()

    async def is_open(self, node: str = "") -> None:
        """Wait until it has a stream, at `node` if that is given."""
        await self.ledger.until(lambda: bool(self.node) and node in ("", self.node))

    async def rests(self) -> None:
        """Wait until its calls are over and it has settled."""
        await self.ledger.until(lambda: not self._open)
        if not (self._is_settled and self._is_quiet):
            await self.settles()

    async def settles(self) -> None:
        """Wait until it has heard what the service has for it, and all is acknowledged.

        What the service answers to a request made now comes behind everything else.
        """
        answers = self._barriers
        self.send(pb.ConnectRequest(call_id=NO_CALL, ringing=pb.Ringing()))
        await self.ledger.until(lambda: self._barriers > answers and self._is_quiet)

    @property
    def _is_quiet(self) -> bool:
        """Whether nothing waits for an acknowledgement, on either side."""
        waits = self.session.outbox or self._remakes or self._owes_ack
        return bool(self.node) and not waits

    def drop(self) -> None:
        """Lose the connection."""
        if self._carrying is not None and self.node:
            self.node = ""
            self._carrying.cancel()

    # what an app uses

    def send(self, request: pb.ConnectRequest, remake: Remake | None = None) -> Sent:
        """Send a request, whenever there is a stream.

        What the service reports not to have stored is tried again under a new seq: as
        `remake` makes it, or as it was.
        """
        if remake is None:
            copy = pb.ConnectRequest()
            copy.CopyFrom(request)
            remake = _copies(copy)
        self._is_settled = False
        entry = self.session.add(request)
        self._remakes[entry] = remake
        self._wake.set()
        return entry

    def call(self, call_id: str) -> AsyncIterator[pb.ConnectResponse]:
        """What is said of a call, up to its `ended`; errors are left to the ledger."""
        return self._follow(self._calls.setdefault(call_id, asyncio.Queue()))

    async def _follow(
        self, queue: asyncio.Queue[pb.ConnectResponse]
    ) -> AsyncIterator[pb.ConnectResponse]:
        while True:
            response = await queue.get()
            yield response
            if response.HasField("ended"):
                return

    # its streams

    async def _live(self) -> None:
        while self.returns:
            self._last = self._choose()
            await self._stream(self._last)
            await lasts(self.random.uniform(*BACKOFF))

    def _choose(self) -> str:
        """Where to go: first to the first node, later to another one than it comes from."""
        if not self._last:
            return self.nodes[0]
        others = [node for node in self.nodes if node != self._last]
        return self.random.choice(others or list(self.nodes))

    async def _stream(self, node: str) -> None:
        """Open a stream and carry it to its end."""
        async with grpc.aio.insecure_channel(node, self._options) as channel:
            metadata = (("user-id", self.user_id), ("device-id", self.device_id))
            call = SignalingServiceStub(channel).Connect(metadata=metadata)
            ends: asyncio.Queue[str] = asyncio.Queue()
            # the first word about the end: a write under way would hide it behind its own
            call.add_done_callback(lambda done: ends.put_nowait(_status(done)))
            carrying = self._carrying = asyncio.create_task(self._carry(call, node))
            try:
                await asyncio.wait([carrying])
            finally:
                carrying.cancel()
                call.cancel()
                was_open, self.node, self._call = self._call is not None, "", None
            if not carrying.cancelled():
                with suppress(*_DROPPED):
                    carrying.result()
            if was_open:
                self._note_end(node, await ends.get())

    async def _carry(self, call: Any, node: str) -> None:
        responses = aiter(call)
        async with asyncio.timeout(WELCOME_TIMEOUT):
            await call.write(self.session.hello())
            welcome = await anext(responses)
        if not welcome.HasField("welcome"):
            self.ledger.violate(self.name, f"the first response was {welcome}")
        self._call, self.node, self._is_leaving = call, node, False
        self.streams += 1
        self.session.begin(welcome, node)
        self._receive(welcome)
        writer = asyncio.create_task(self._write(call))
        try:
            async for response in responses:
                self._receive(response)
        finally:
            writer.cancel()
            await asyncio.wait([writer])

    def _note_end(self, node: str, status: str) -> None:
        counts = {"ABORTED": "thrown out", "OK": "left"}
        count = counts.get(status.partition(":")[0], "drops")
        self.ledger.note(self.name, f"lost {node}: {status}", count)
        # what a device must not be told, whatever breaks
        if status.startswith(("INVALID_ARGUMENT", "FAILED_PRECONDITION", "UNKNOWN", "INTERNAL: i")):
            self.ledger.violate(self.name, f"its stream ended {status}")

    async def _write(self, call: Any) -> None:
        """Write what there is; grpc.aio takes one write at a time."""
        with suppress(*_DROPPED):
            while True:
                self._wake.clear()
                while (request := self.session.next_request()) is not None:
                    await call.write(request)
                if self._is_ack_due or (self._is_leaving and self._owes_ack):
                    self._is_ack_due = False
                    await call.write(self.session.bare_ack())
                if self._is_leaving:
                    await call.done_writing()
                    return
                await self._wake.wait()

    def _receive(self, response: pb.ConnectResponse) -> None:
        reported = self.session.hear(response)
        self._forget_acknowledged()
        if reported is not None and reported in self._remakes:
            delay = self.random.uniform(*RETRY)
            asyncio.get_running_loop().call_later(delay, self._try_again, reported)
        if response.HasField("draining"):
            delay = response.draining.reconnect_after.ToTimedelta().total_seconds()
            asyncio.get_running_loop().call_later(delay, self._leave, self._call)
        if response.seq:
            self._is_settled = response.call_id == NO_CALL
            self._barriers += self._is_settled
            self.ledger.heard(self.name, response)
            self._route(response)
            self._plan_ack()

    def _route(self, response: pb.ConnectResponse) -> None:
        """Hand a response to the app."""
        if response.HasField("error") or response.call_id in self._over:
            return
        if response.call_id not in self._calls:
            self._calls[response.call_id] = asyncio.Queue()
            self.incoming.put_nowait(response.call_id)
        self._calls[response.call_id].put_nowait(response)
        self._open.add(response.call_id)
        if response.HasField("ended"):
            self._open.remove(response.call_id)
            self._over.add(response.call_id)

    def _forget_acknowledged(self) -> None:
        for entry in [entry for entry in self._remakes if entry.is_acknowledged]:
            if not entry.is_reported:
                del self._remakes[entry]

    def _try_again(self, entry: Sent) -> None:
        remake = self._remakes.pop(entry, None)
        if remake is not None:
            self.send(remake(), remake)

    def _leave(self, call: Any) -> None:
        """Go elsewhere, politely, unless that stream is over by now."""
        if self._call is call:
            self._is_leaving = True
            self._wake.set()

    @property
    def _owes_ack(self) -> bool:
        return self.session.heard > self.session.acked

    def _plan_ack(self) -> None:
        if self.session.heard - self.session.acked >= ACK_EVERY:
            self._ack()
        elif self._ack_timer is None:
            self._ack_timer = asyncio.get_running_loop().call_later(ACK_DELAY, self._ack)

    def _ack(self) -> None:
        self._ack_timer = None
        if self._owes_ack:
            self._is_ack_due = True
            self._wake.set()


def loyal(name: str, node: str, ledger: Ledger, seed: int) -> Phone:
    """A device that knows one node, and waits for as long as that says nothing."""
    return Phone(name, [node], ledger, seed, keepalive=False)


def _copies(request: pb.ConnectRequest) -> Remake:
    def copy() -> pb.ConnectRequest:
        another = pb.ConnectRequest()
        another.CopyFrom(request)
        return another

    return copy


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
