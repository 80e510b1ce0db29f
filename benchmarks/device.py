"""A device that keeps its side of the contract, and does no more than that."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from grpc import aio
from signaling.v1 import signaling_pb2 as pb

from benchmarks.servers import BenchmarkError
from benchmarks.wires import WEB_SOCKET, GrpcWire, WebSocketWire, Wire

ACK_AFTER_MESSAGES: Final = 32
ACK_AFTER_SECONDS: Final = 0.2
OPENING_AT_ONCE: Final = 64  # hellos under way; more only queue up in the server
_OWN_CONNECTION: Final = (
    ("grpc.use_local_subchannel_pool", 1),  # or channels to one address share a connection
    ("grpc.enable_http_proxy", 0),
)


class Device:
    """One stream. `numbered` devices count and acknowledge; the bare relay knows neither."""

    def __init__(self, wire: Wire, user_id: str, *, numbered: bool) -> None:
        self.user_id = user_id
        self.numbered = numbered
        self.inbox: asyncio.Queue[pb.ConnectResponse] = asyncio.Queue()
        self.on_message: Callable[[pb.ConnectResponse], object] = self.inbox.put_nowait
        self._wire = wire
        self._writing = asyncio.Lock()  # gRPC takes one write at a time
        self.bare_acks = 0  # sent: requests like any other
        self._sent = self._seen = self._acked = 0
        self._ack_timer: asyncio.TimerHandle | None = None
        self._late_ack: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Say hello and wait for the welcome."""
        hello = pb.Hello(agent="benchmarks/1")
        await self._wire.write(pb.ConnectRequest(hello=hello))
        welcome = await self._wire.read()
        if welcome is None or not welcome.HasField("welcome"):
            raise BenchmarkError(f"{self.user_id} got no welcome but {welcome}")

    async def run(self) -> None:
        """Read until cancelled, and hand every message that is not a bare ack to `on_message`.

        Raises:
            BenchmarkError: a request was refused, or the stream ended.

        """
        while (response := await self._wire.read()) is not None:
            if response.HasField("error"):
                raise BenchmarkError(f"{self.user_id} was refused: {response.error}")
            if self.numbered:
                if not response.seq:
                    continue
                await self._note(response.seq)
            self.on_message(response)
        raise BenchmarkError(f"the stream of {self.user_id} ended: {await self._wire.ending()}")

    async def send(self, request: pb.ConnectRequest) -> None:
        """Send `request` with a number and an ack. The message may be used again."""
        async with self._writing:
            if self.numbered:
                self._sent += 1
                request.seq = self._sent
                request.ack = self._acked = self._seen
            await self._wire.write(request)

    async def expect(self, payload: str) -> None:
        """Wait for the next message, which must be of that kind."""
        response = await self.inbox.get()
        if (kind := response.WhichOneof("payload")) != payload:
            raise BenchmarkError(f"{self.user_id} waits for {payload}, got {kind}: {response}")

    def close(self) -> None:
        """Cancel the stream, and what would still write to it."""
        for pending in (self._ack_timer, self._late_ack, self._wire):
            if pending is not None:
                pending.cancel()

    async def _note(self, seq: int) -> None:
        """Acknowledge `seq` when 32 messages wait for it, or 200 ms have gone by."""
        self._seen = seq
        if seq - self._acked >= ACK_AFTER_MESSAGES:
            await self._acknowledge()
        elif self._ack_timer is None:
            loop = asyncio.get_running_loop()
            self._ack_timer = loop.call_later(ACK_AFTER_SECONDS, self._on_ack_timer)

    def _on_ack_timer(self) -> None:
        self._ack_timer = None
        if self._seen > self._acked:
            self._late_ack = asyncio.create_task(self._acknowledge())

    async def _acknowledge(self) -> None:
        async with self._writing:
            if self._seen > self._acked:
                self._acked = self._seen
                self.bare_acks += 1
                await self._wire.write(pb.ConnectRequest(ack=self._acked))


@asynccontextmanager
async def opened(
    address: str, users: Sequence[str], *, numbered: bool, per_connection: int = 1
) -> AsyncIterator[list[Device]]:
    """Open a stream per user, `per_connection` of them on each connection, and read them all.

    At an address that begins with `ws://` each stream is a WebSocket.

    Raises:
        BenchmarkError: one of them failed while the block ran.

    """
    is_web = address.startswith(WEB_SOCKET)
    channels = [
        aio.insecure_channel(address, options=_OWN_CONNECTION)
        for _ in range(0, 0 if is_web else len(users), per_connection)
    ]
    slots = asyncio.Semaphore(OPENING_AT_ONCE)

    async def open_one(index: int) -> Device:
        async with slots:
            wire: Wire
            if is_web:
                wire = await WebSocketWire.to(address, users[index])
            else:
                wire = GrpcWire(channels[index // per_connection], users[index])
            device = Device(wire, users[index], numbered=numbered)
            await device.open()
            return device

    try:
        async with asyncio.TaskGroup() as group:
            devices = await asyncio.gather(*(open_one(index) for index in range(len(users))))
            readers = [group.create_task(device.run()) for device in devices]
            yield devices
            for device, reader in zip(devices, readers, strict=True):
                device.close()
                reader.cancel()
    finally:
        for channel in channels:
            await channel.close()
