"""Calls beside: pairs of devices that call each other at an even pace, whatever else happens."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from benchmarks.pairs import Pair
from benchmarks.plan import CANDIDATES_PER_SIDE, STALL_TIMEOUT

INTERVAL: Final = 1.0  # s; from one call of a pair to its next


@dataclass
class Calls:
    """The calls so far: when each began, and how long its set-up took."""

    interval: float  # s
    setups: list[tuple[float, float]] = field(default_factory=list)
    is_over: asyncio.Event = field(default_factory=asyncio.Event)

    def between(self, began: float, ended: float) -> list[float]:
        """Return the set-up times of the calls that began in that time, in seconds."""
        return [took for at, took in self.setups if began <= at <= ended]


@asynccontextmanager
async def calling(pairs: Sequence[Pair], interval: float = INTERVAL) -> AsyncIterator[Calls]:
    """Let every pair call, over and over, until the block ends; its last call comes to its end.

    A message that is refused, out of order or lost ends the block.
    """
    calls = Calls(interval)
    async with asyncio.TaskGroup() as group:
        for index, pair in enumerate(pairs):
            group.create_task(_keep_calling(pair, index / len(pairs) * interval, calls))
        yield calls
        calls.is_over.set()


async def _keep_calling(pair: Pair, offset: float, calls: Calls) -> None:
    due = time.monotonic() + offset
    while not await _is_over(calls, due - time.monotonic()):
        async with asyncio.timeout(STALL_TIMEOUT):
            await _call(pair, calls)
        due = max(due + calls.interval, time.monotonic())


async def _is_over(calls: Calls, wait: float) -> bool:
    """Wait until the next call is due; returns whether there is none any more."""
    try:
        async with asyncio.timeout(max(wait, 0.0)):
            await calls.is_over.wait()
    except TimeoutError:
        return False
    return True


async def _call(pair: Pair, calls: Calls) -> None:
    """A whole call, of which the time from its offer to its answer counts."""
    began = time.monotonic()
    await pair.dial()
    calls.setups.append((began, time.monotonic() - began))
    await pair.trickle(CANDIDATES_PER_SIDE)
    await pair.connect()
    await pair.hang_up()
