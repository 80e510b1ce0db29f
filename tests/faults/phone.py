"""A test device: one session over whatever nodes there are, and what its app needs."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, Self

from signaling.v1 import signaling_pb2 as pb

from tests.faults.ledger import NO_CALL, Ledger, Sent
from tests.faults.profile import chance, lasts
from tests.faults.session import Session
from tests.faults.stream import Stream

Remake = Callable[[], pb.ConnectRequest]

BACKOFF: Final = (0.02, 0.1)  # s; between two streams
RETRY: Final = (0.1, 0.3)  # s; until what was not stored is tried again
# how a stream ends that a device has lost, or left; anything else is a mistake of somebody
ENDS: Final = {"OK": "left", "UNAVAILABLE": "drops", "CANCELLED": "drops"}
CORE: Final = "INTERNAL: Internal error from Core"  # of gRPC, where a connection is lost


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
        self.ledger = ledger
        self.random = chance(seed, name)
        self.returns = True  # after its stream is lost
        self.streams = 0  # that were welcomed
        self.incoming: asyncio.Queue[str] = asyncio.Queue()  # calls that it had not heard of
        self._nodes = nodes
        self._keepalive = keepalive
        self._session = Session(name, ledger)
        self._calls: dict[str, asyncio.Queue[pb.ConnectResponse]] = {}
        self._open: set[str] = set()  # calls that it was told of
        self._over: set[str] = set()  # and of whose end; what still came would be a mistake
        self._remakes: dict[Sent, Remake] = {}
        self._last = ""  # the node of the last stream, or the last try
        self._stream: Stream | None = None
        self._is_settled = False  # since then there was nothing
        self._barriers = 0  # answers to `settles` that it has heard
        self._life: asyncio.Task[None] | None = None

    # coming and going

    async def __aenter__(self) -> Self:
        await self.comes_back()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            await self.rests()
        await self._stop()

    @property
    def node(self) -> str:
        """Where its stream is, "" while it has none."""
        return self._stream.node if self._stream is not None and self._stream.is_open else ""

    async def comes_back(self) -> None:
        """Connect, at first or after it did not return."""
        if self._life is not None:
            await asyncio.wait([self._life])
        self.returns = True
        self._life = asyncio.create_task(self._live())
        await self.is_open()

    async def is_open(self) -> None:
        """Wait until it has a stream."""
        await self.ledger.until(lambda: bool(self.node))

    def drop(self) -> None:
        """Lose the connection."""
        if self._stream is not None and self._stream.is_open:
            self._stream.cut()
            self._stream = None

    async def is_gone(self) -> None:
        """Go, and never come back: nothing that is said to it from now on has to arrive."""
        self.ledger.gone.add(self.name)
        await self._stop()

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
        waits = self._session.outbox or self._remakes or self._session.owes_ack
        return bool(self.node) and not waits

    # what an app uses

    def send(self, request: pb.ConnectRequest, remake: Remake | None = None) -> Sent:
        """Send a request, whenever there is a stream.

        What the service reports not to have stored is tried again under a new seq: as
        `remake` makes it, or as it was.
        """
        remake = remake or _copies(request)
        self._is_settled = False
        entry = self._session.add(request)
        self._remakes[entry] = remake
        if self._stream is not None:
            self._stream.wake()
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
        metadata = (("user-id", self.user_id), ("device-id", self.device_id))
        while self.returns:
            self._last = self._choose()
            stream = Stream(self._session, self._hear, self._last, keepalive=self._keepalive)
            self._stream = stream
            status = await stream.run(metadata)
            self._stream = None
            if stream.is_open:
                self._note_end(stream.node, status)
            await lasts(self.random.uniform(*BACKOFF))

    async def _stop(self) -> None:
        assert self._life is not None
        self._life.cancel()
        await asyncio.wait([self._life])
        self._stream = None
        if not self._life.cancelled():
            self._life.result()

    def _choose(self) -> str:
        """Where to go: first to the first node, later to another one than it comes from."""
        if not self._last:
            return self._nodes[0]
        others = [node for node in self._nodes if node != self._last]
        return self.random.choice(others or list(self._nodes))

    def _note_end(self, node: str, status: str) -> None:
        count = "drops" if status == CORE else ENDS.get(status.partition(":")[0])
        self.ledger.note(self.name, f"lost {node}: {status}", count or "")
        if count is None:
            self.ledger.violate(self.name, f"its stream ended {status}")

    # what it hears

    def _hear(self, response: pb.ConnectResponse) -> None:
        if response.HasField("welcome"):
            self.streams += 1
        reported = self._session.hear(response)
        self._forget_acknowledged()
        if reported is not None and reported in self._remakes:
            delay = self.random.uniform(*RETRY)
            asyncio.get_running_loop().call_later(delay, self._try_again, reported)
        if response.seq:
            self._is_settled = response.call_id == NO_CALL
            self._barriers += self._is_settled
            self.ledger.heard(self.name, response)
            self._route(response)

    def _route(self, response: pb.ConnectResponse) -> None:
        """Hand a response to the app."""
        call_id = response.call_id
        if response.HasField("error") or call_id in self._over:
            return
        if call_id not in self._calls:
            self._calls[call_id] = asyncio.Queue()
            self.incoming.put_nowait(call_id)
        self._calls[call_id].put_nowait(response)
        self._open.add(call_id)
        if response.HasField("ended"):
            self._open.remove(call_id)
            self._over.add(call_id)

    def _forget_acknowledged(self) -> None:
        for entry in [entry for entry in self._remakes if entry.is_acknowledged]:
            if not entry.is_reported:
                del self._remakes[entry]

    def _try_again(self, entry: Sent) -> None:
        remake = self._remakes.pop(entry, None)
        if remake is not None:
            self.send(remake(), remake)


def loyal(name: str, node: str, ledger: Ledger, seed: int) -> Phone:
    """A device that knows one node, and waits for as long as that says nothing."""
    return Phone(name, [node], ledger, seed, keepalive=False)


def _copies(request: pb.ConnectRequest) -> Remake:
    """Makes the same request again, as it is now."""
    data = request.SerializeToString()
    return lambda: pb.ConnectRequest.FromString(data)
