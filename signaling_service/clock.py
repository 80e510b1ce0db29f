"""Time, passed in: tests move it by hand."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """Something that will happen, unless it is cancelled."""

    def cancel(self) -> None:
        """Let it not happen. Without effect once it has."""


class Clock(Protocol):
    """Seconds since the epoch, and what is to happen when."""

    def now(self) -> float:
        """Seconds since the epoch; goes back only where `follow` makes it."""

    def follow(self, now: float) -> None:
        """Go by another clock, which says that it is `now`."""

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` in `delay` seconds."""


class SystemClock:
    """The machine's clock, read once and then steady: a step of it moves no deadline."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._offset + time.monotonic()

    def follow(self, now: float) -> None:
        """Go by another clock from now on, which all nodes go by; timers stay as they are."""
        self._offset = now - time.monotonic()

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` in `delay` seconds on the running event loop."""
        return asyncio.get_running_loop().call_later(delay, callback)


async def sleep(clock: Clock, delay: float) -> None:
    """Wait `delay` seconds of `clock`."""
    done = asyncio.Event()
    timer = clock.call_later(delay, done.set)
    try:
        await done.wait()
    finally:
        timer.cancel()
