"""A shared backend keeps the contract too, and leaves no key behind."""

from collections.abc import AsyncIterator, Sequence

import pytest

from signaling_service.backends.location import Location
from signaling_service.backends.redis import RedisBackend
from tests.backends.cell import RULES
from tests.backends.contract import BackendContract
from tests.clock import ManualClock
from tests.shared import shared_cell
from tests.valkey import Valkey

# what a cell keeps while a node lives: the highest fence, and the node
AT_REST = frozenset({b"last", b"nodes"})


class RedisCell:
    """A backend on an engine, in a cell of its own, and its clock."""

    def __init__(self, valkey: Valkey) -> None:
        self.clock = ManualClock()
        self._valkey = valkey
        location = Location.parse(shared_cell(valkey))
        self._prefix = f"{{{location.cell}}}:".encode()
        self.backend = RedisBackend(location, self.clock, RULES)

    async def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    async def leftovers(self) -> Sequence[str]:
        """The keys that are left."""
        keys = await self._valkey.run("KEYS", self._prefix.decode() + "*")
        left = {key.removeprefix(self._prefix) for key in keys} - AT_REST
        return sorted(key.decode() for key in left)


@pytest.fixture
async def cell(valkey: Valkey) -> AsyncIterator[RedisCell]:
    """A fresh cell."""
    cell = RedisCell(valkey)
    await cell.backend.start(lambda _is_there: None)
    yield cell
    await cell.backend.close()


class TestRedis(BackendContract):
    """Every promise, kept by an engine that nodes share."""
