"""The service under attack, a process of its own, and how it gets on."""

import asyncio
import re
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import grpc
import psutil
from grpc_health.v1 import health_pb2

from tests.devices import CHANNEL_OPTIONS, PATIENCE, User, answered_call
from tests.faults.health import SERVICE, SERVING
from tests.transport.node import Node, people, running
from tests.valkey.waiting import until

CHECK: Final = "/grpc.health.v1.Health/Check"
MEMORY_BACK: Final = 1.1  # of what it was: an allocator keeps some pages
CALM: Final = 4  # descriptors: two devices, and somebody who reads the metrics
# what a session leaves behind is soon gone, so that what is there then is a leak
SHORT: Final = {
    "SIGNALING_RESUME_WINDOW": "1",
    "SIGNALING_LIMIT_ENDED_CALL_SECONDS": "1",
    "SIGNALING_LIMIT_CONNECTION_IDLE_SECONDS": "3",
    "SIGNALING_METRICS_LISTEN": "127.0.0.1:0",
}
PLENTY: Final = {
    f"SIGNALING_LIMIT_{what}_{how}": "100000"
    for what in ("OTHERS", "ACKS", "HELLOS")
    for how in ("PER_SECOND", "BURST")
}


class Victim:
    """A running service; `is_well` says what must hold after an attack."""

    def __init__(self, node: Node, metrics: str) -> None:
        self.node = node
        self.address = node.address
        self._metrics = f"http://{metrics}/metrics"
        self._process = psutil.Process(node.pid)
        self._descriptors = self.descriptors  # as long as nobody is connected

    @property
    def memory(self) -> int:
        """Its resident memory, in bytes."""
        return int(self._process.memory_info().rss)

    @property
    def descriptors(self) -> int:
        """How many file descriptors it has open."""
        return int(self._process.num_fds())

    @property
    def cpu(self) -> float:
        """The seconds that it has computed for."""
        times = self._process.cpu_times()
        return float(times.user + times.system)

    async def streams(self) -> int:
        """How many streams it says are open."""
        text = await asyncio.to_thread(_read, self._metrics)
        found = re.search(r"^signaling_streams (\S+)$", text, re.MULTILINE)
        assert found is not None
        return round(float(found[1]))

    async def has_streams(self, count: int) -> None:
        """Wait until so many are open."""

        async def holds() -> bool:
            return await self.streams() == count

        await until(holds)

    async def is_down_to(self, *, memory: int) -> None:
        """Wait until it has no more memory than it had, up to a tenth, and has let go."""
        await self._becomes(lambda: self.memory <= memory * MEMORY_BACK)
        await self.has_let_go()

    async def has_let_go(self) -> None:
        """Wait until it has no more descriptors than a call takes."""
        await self._becomes(lambda: self.descriptors <= self._descriptors + CALM)

    async def is_well(self) -> None:
        """It says that it serves, and a call between two who are new gets through."""
        assert await health(self.address) == SERVING
        async with people(self.node, "carol", "dave") as (carol, dave):
            call = await answered_call(carol, dave)
            await dave.phone.hangs_up(call)
            for user in (carol, dave):
                await hears_the_end(user)

    def has_logged_no_mistake(self) -> None:
        """Whatever peers do is no mistake of the service."""
        lines = [line for line in self.node.log if line["level"] in ("error", "critical")]
        assert not lines, lines[:10]

    async def _becomes(self, holds: Callable[[], bool]) -> None:
        async def answers() -> bool:
            return holds()

        await until(answers)


async def hears_the_end(user: User) -> None:
    """The phone hears that its call is over."""
    await user.phone.hears("ended")


async def health(address: str) -> int:
    """What the service says of itself to somebody who has just connected."""
    async with grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
        request = health_pb2.HealthCheckRequest(service=SERVICE)
        check = channel.unary_unary(
            CHECK,
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        answer = await check(request, timeout=PATIENCE)
    return int(answer.status)


@asynccontextmanager
async def victim(**variables: str) -> AsyncIterator[Victim]:
    """A service that serves."""
    async with running(**(SHORT | PLENTY | variables)) as node:
        yield Victim(node, (await node.logs("serving"))["metrics"])


def _read(url: str) -> str:
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - ours
        return str(answer.read().decode())
