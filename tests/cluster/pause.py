"""Work that stops before one of its scripts until other work is done: what races do, at will."""

import asyncio
from collections.abc import Coroutine
from contextvars import ContextVar
from typing import Any, TypeVar

S = TypeVar("S")
T = TypeVar("T")

_PAUSE: ContextVar["Pause | None"] = ContextVar("pause", default=None)


class Pause:
    """Stops work once, when it has asked the engine for so many `scripts`."""

    def __init__(self, scripts: int) -> None:
        self.is_reached = asyncio.Event()
        self.is_over = asyncio.Event()
        self._scripts = scripts

    async def count(self) -> None:
        """The work is about to ask for the next script."""
        if self._scripts == 0:
            self.is_reached.set()
            await self.is_over.wait()
        self._scripts -= 1


async def before_script() -> None:
    """Wait, if that is where the work that is done here is to stop."""
    pause = _PAUSE.get()
    if pause is not None:
        await pause.count()


async def across(
    work: Coroutine[Any, Any, S], other: Coroutine[Any, Any, T], scripts: int
) -> tuple[S, T]:
    """Do some `work` up to its script number `scripts`, then the other, then the rest of it."""
    pause = Pause(scripts)
    token = _PAUSE.set(pause)
    working = asyncio.create_task(work)
    _PAUSE.reset(token)
    reaching = asyncio.create_task(pause.is_reached.wait())
    await asyncio.wait([working, reaching], return_when=asyncio.FIRST_COMPLETED)
    reaching.cancel()
    try:
        found = await other
    finally:
        pause.is_over.set()
        await asyncio.wait([working])
    return working.result(), found
