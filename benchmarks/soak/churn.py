"""People who come, tell a story and go, many at a time, until it is over."""

import asyncio
import itertools
from collections import Counter
from random import Random
from typing import Final

import grpc

from benchmarks.servers import BenchmarkError
from benchmarks.soak.stories import STORIES, Story
from tests.devices import User

PAUSE: Final = 0.2  # s; at most, between two stories: a service at its limit shows nothing
# what a story raises that has heard something else, or nothing
_FAILURES: Final = (AssertionError, TimeoutError, BenchmarkError, grpc.aio.AioRpcError)


class Churn:
    """Stories that go on, so many at a time, between `run` and the end of its last one.

    `told` counts them by name; `failed` has one line for each that went wrong.
    """

    def __init__(self, address: str, at_once: int, seed: int) -> None:
        self.told: Counter[str] = Counter()
        self.failed: list[str] = []
        self._address = address
        self._at_once = at_once
        self._random = Random(seed)  # noqa: S311 - which story comes next is no secret
        self._numbers = itertools.count(1)

    async def run(self, seconds: float) -> None:
        """Tell stories for so long, and let those that have begun come to their end."""
        over = asyncio.get_running_loop().time() + seconds
        async with asyncio.TaskGroup() as group:
            for _ in range(self._at_once):
                group.create_task(self._tell_stories(over))

    async def _tell_stories(self, over: float) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < over:
            story = self._random.choices([*STORIES], weights=[*STORIES.values()])[0]
            await self._tell(story)
            await asyncio.sleep(self._random.uniform(0, PAUSE))

    async def _tell(self, story: Story) -> None:
        number = next(self._numbers)
        alice, bob = (User(f"{name}-{number}", self._address) for name in ("alice", "bob"))
        try:
            await story(alice, bob)
        except _FAILURES as error:
            self.failed.append(f"{story.__name__}: {error!r}")
        finally:
            await alice.close()
            await bob.close()
        self.told[story.__name__] += 1
