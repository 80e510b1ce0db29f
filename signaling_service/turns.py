"""Turns: of many who come in the same instant, a few at a time."""

import asyncio


class Turns:
    """Lets at most `at_once` do something; the others wait, in the order they came.

    `async with turns:` is one turn. The next one comes in a later turn of the event loop, so
    that what others want of it comes in between, also where nothing in a turn ever waits.
    """

    __slots__ = ("_free",)

    def __init__(self, at_once: int) -> None:
        self._free = asyncio.Semaphore(at_once)

    async def __aenter__(self) -> None:
        await self._free.acquire()

    async def __aexit__(self, *_: object) -> None:
        asyncio.get_running_loop().call_soon(self._free.release)
