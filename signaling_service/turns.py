"""Turns: of many who come in the same instant, a few at a time."""

import asyncio
from typing import Final

PAUSE: Final = 0.002  # s; in it the event loop gets on with what others want


class Turns:
    """Lets at most `at_once` do something; the others wait, in the order they came.

    `async with turns:` is one turn. The one who comes next waits for `PAUSE` behind it: so a
    crowd gets its share of the event loop and no more, also where nothing in a turn ever
    waits. Who meets no crowd does not wait, and nobody longer than `patience` seconds: a
    TimeoutError then.
    """

    __slots__ = ("_free", "_patience")

    def __init__(self, at_once: int, patience: float | None = None) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._patience = patience

    async def __aenter__(self) -> None:
        async with asyncio.timeout(self._patience):
            await self._free.acquire()

    async def __aexit__(self, *_: object) -> None:
        asyncio.get_running_loop().call_later(PAUSE, self._free.release)
