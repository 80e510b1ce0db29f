"""A node of the service, all but its gRPC: a registry over a shared engine. It can die.

A node that dies in the middle of something has sent some scripts to the engine and
sends no more; of the last one it does not even see the reply.
"""

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from signaling.v1 import signaling_pb2 as pb

from signaling_service.backends.base import Applied, Sender, Step
from signaling_service.backends.link import Argument, Reply
from signaling_service.backends.location import Location
from signaling_service.backends.redis import RedisBackend
from signaling_service.core.model import Call, Directory, Outcome
from signaling_service.journal import Journal
from signaling_service.registry import CallRegistry
from tests.clock import ManualClock
from tests.cluster.pause import before_script
from tests.core.observer import Observer, Onlooker
from tests.core.service import RULES

# s of the engine's time; however slow a test is, a lease ends where the test lets it
ENDLESS_LEASE: Final = 3600.0


class Traffic:
    """What the nodes ask the engine for: how much there was, and whether some is under way."""

    def __init__(self) -> None:
        self.count = 0
        self.touched: set[str] = set()  # calls that may have changed
        self.is_over = asyncio.Event()
        self.is_over.set()
        self._under_way = 0

    @contextmanager
    def passes(self) -> Iterator[None]:
        """A script is on its way."""
        self.count += 1
        self._under_way += 1
        self.is_over.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self.is_over.set()


class NodeBackend(RedisBackend):
    """A node's way to the engine, which says what passes, and may break off."""

    sweep_interval = math.inf  # in a day there are too many; the cluster wakes the sweepers itself

    def __init__(
        self, location: Location, clock: ManualClock, traffic: Traffic, observer: Observer
    ) -> None:
        super().__init__(location, clock, RULES, lease=ENDLESS_LEASE)
        self.scripts_left: int | None = None  # until the node dies
        self._has_written = False  # a step, before it died
        self._location = location
        self._traffic = traffic
        self._observer = observer

    @property
    def name(self) -> str:
        """Its name in the cell."""
        return self._members.node

    async def apply(self, step: Step) -> Applied:
        """See `Backend.apply`."""
        self._traffic.touched.add(step.call_id)
        decided: list[tuple[Call | None, Call | None]] = []

        def decide(call: Call | None, directory: Directory, now: float) -> Outcome:
            outcome = step.decide(call, directory, now)
            decided.append((call, outcome.call))
            return outcome

        try:
            return await super().apply(step._replace(decide=decide))
        except asyncio.CancelledError:
            if self._has_written:
                self._observer.written(*decided[-1])
            raise

    async def relay(self, sender: Sender, request: pb.ConnectRequest) -> Applied | None:
        """See `Backend.relay`."""
        self._traffic.touched.add(request.call_id)
        return await super().relay(sender, request)

    async def die(self) -> None:
        """End without a word to the engine."""
        await self._link.close()  # first: so it takes no leave
        await asyncio.gather(self.close(), self._stop_listening())

    async def _stop_listening(self) -> None:
        """Let it wait no longer for a hint."""
        async with await self._location.find() as client:
            await client.rpush(f"{{{self._location.cell}}}:hints:{self.name}", "r 0 0  \n")

    async def _run(self, name: str, *args: Argument) -> Reply:
        await before_script()
        if self.scripts_left == 0:
            raise asyncio.CancelledError
        with self._traffic.passes():
            reply = await super()._run(name, *args)
        if self.scripts_left is not None:
            self.scripts_left -= 1
            if self.scripts_left == 0:
                self._has_written = name == "step"
                raise asyncio.CancelledError
        return reply


class NodeRegistry(CallRegistry):
    """A node's registry, whose sweep can be woken."""

    def sweep(self) -> None:
        """Look at what is due, as every node does each second."""
        vars(self._deadlines)["_is_due"].set()


class Node:
    """A node. `start` it, then either `stop` it or let it `die`."""

    def __init__(
        self, location: Location, clock: ManualClock, traffic: Traffic, observer: Observer
    ) -> None:
        self.backend = NodeBackend(location, clock, traffic, observer)
        witness = Onlooker(Journal(clock), observer)
        self.registry = NodeRegistry(self.backend, clock, RULES, witness, observer.judge)

    @property
    def is_dead(self) -> bool:
        """Whether it has broken off."""
        return self.backend.scripts_left == 0

    @property
    def is_doomed(self) -> bool:
        """Whether it will soon."""
        return bool(self.backend.scripts_left)

    async def start(self) -> None:
        """Join the others."""
        await self.backend.start(lambda _is_there: None)
        self.registry.start()

    async def stop(self) -> None:
        """Leave them."""
        await self.registry.close()
        await self.backend.close()

    async def die(self) -> None:
        """Do no more, and leave everything as it is."""
        await self.registry.close()
        await self.backend.die()
