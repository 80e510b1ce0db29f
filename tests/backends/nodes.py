"""Nodes for tests: several backends on one engine, with one clock and a short lease."""

from typing import Final

from signaling_service.backends.base import Due, Moved
from signaling_service.backends.location import Location
from signaling_service.backends.redis import RedisBackend
from tests.backends.cell import RULES
from tests.clock import ManualClock
from tests.core.names import CALL_ID
from tests.valkey.waiting import until

LEASE: Final = 0.3  # s; nodes die quickly here


class Node:
    """One node, as a cell of the contract's tests; `health` is what it has told so far."""

    def __init__(self, url: str, clock: ManualClock) -> None:
        self.clock = clock
        self.health: list[bool] = []
        self.times: list[float] = []  # of the engine
        self.backend = RedisBackend(
            Location.parse(url), clock, RULES, follow=self.times.append, lease=LEASE
        )

    async def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    async def leftovers(self) -> list[str]:
        """Not asked of a single node."""
        return []

    @property
    def name(self) -> str:
        """What the engine knows it by."""
        name: str = vars(self.backend)["_members"].node
        return name

    async def start(self) -> None:
        """Join."""
        await self.backend.start(self.health.append)

    def falls_silent(self) -> None:
        """Say nothing any more, as a process that hangs or is dead."""
        for task in vars(vars(self.backend)["_members"])["_tasks"]:
            task.cancel()

    async def is_told(self, *, is_there: bool) -> None:
        """Wait until the last that it has told of the engine is this."""

        async def is_so() -> bool:
            return self.health[-1:] == [is_there]

        await until(is_so)

    async def finds(self) -> Moved:
        """The next stream that was lost or is back."""
        found: list[Moved] = []

        async def is_due() -> bool:
            found.extend((await self.backend.due()).moved)
            return bool(found)

        await until(is_due)
        (moved,) = found
        assert list(moved.calls) == [CALL_ID]
        return moved

    async def due(self) -> Due:
        """What the clock asks for now."""
        return await self.backend.due()
