"""A process for those who attack, so that they take no time from those who don't."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from multiprocessing import get_context
from typing import Any

from tests.hostile.attacking import Attack, attack_with


class Attackers:
    """They attack one service."""

    def __init__(self, pool: ProcessPoolExecutor, address: str) -> None:
        self._pool = pool
        self._address = address

    async def attack(self, attack: Attack, connections: int) -> Counter[str]:
        """Attack over so many connections at once; returns how many fared how."""
        return await self.do(attack_with, attack, self._address, connections)

    async def do(
        self, what: Callable[..., Coroutine[Any, Any, Counter[str]]], *args: object
    ) -> Counter[str]:
        """Let them run a coroutine function, of a module."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, _run, what, *args)


def _run(what: Callable[..., Coroutine[Any, Any, Counter[str]]], *args: object) -> Counter[str]:
    return asyncio.run(what(*args))


@asynccontextmanager
async def attackers(address: str) -> AsyncIterator[Attackers]:
    """Attackers of the service at this address."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield Attackers(pool, address)
