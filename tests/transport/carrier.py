"""A stream without gRPC: bytes go in and out by hand, so that every turn can be counted."""

import asyncio

from signaling.v1 import signaling_pb2 as pb

from signaling_service.auth.authenticator import Authenticator
from signaling_service.auth.identity import Identity
from signaling_service.auth.throttle import Throttle
from signaling_service.backends.memory import MemoryBackend
from signaling_service.core.model import Device
from signaling_service.core.rules import Rules
from signaling_service.ice import TurnRest
from signaling_service.journal import Journal
from signaling_service.limits import LimitSettings
from signaling_service.registry import CallRegistry
from signaling_service.transport.credentials import Credentials
from signaling_service.transport.errors import Status
from signaling_service.transport.pacing import Pacing
from signaling_service.transport.reception import HELLO_TIMEOUT
from signaling_service.transport.service import Service
from signaling_service.transport.stream import Stream
from signaling_service.transport.writes import WriteWatch
from signaling_service.witness import Witness
from tests.clock import ManualClock


def a_service(clock: ManualClock, limits: LimitSettings, backend: MemoryBackend) -> Service:
    """What streams work with, over `backend`."""
    rules = Rules(limits=limits.core)
    witness = Witness(Journal(clock))
    registry = CallRegistry(backend, clock, rules, witness)
    writes = WriteWatch(clock, limits.stuck_write_seconds)
    pacing = Pacing(limits.rates, clock.now)
    authenticator = Authenticator(None, Throttle(backend.take, clock))
    return Service(registry, clock, rules, pacing, TurnRest(), authenticator, writes, witness)


class Carrier:
    """The other end of one stream: `asks` puts requests in, `told` is what came out."""

    def __init__(self, device: Device, service: Service) -> None:
        self.asked = 0
        self.told: list[pb.ConnectResponse] = []
        self.is_reading = asyncio.Event()
        self.is_reading.set()
        self._requests: list[bytes] = []
        self._has_requests = asyncio.Event()
        credentials = Credentials(Identity(device), "", service.authenticator, service.clock)
        self.task: asyncio.Task[Status | None] = asyncio.create_task(
            Stream(credentials, service, self._read, self._write).run(HELLO_TIMEOUT)
        )

    def asks(self, *requests: pb.ConnectRequest) -> None:
        """Have requests on the way."""
        self._requests += [request.SerializeToString() for request in requests]
        self._has_requests.set()

    async def settles(self) -> None:
        """Let everything run that waits for nobody outside."""
        for _ in range(1000):
            await asyncio.sleep(0)

    async def _read(self) -> bytes:
        while not self._requests:
            self._has_requests.clear()
            await self._has_requests.wait()
        self.asked += 1
        return self._requests.pop(0)

    async def _write(self, data: bytes) -> None:
        await self.is_reading.wait()
        self.told.append(pb.ConnectResponse.FromString(data))
