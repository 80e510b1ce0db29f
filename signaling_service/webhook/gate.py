"""How hard a receiver is tried: as fast as it takes posts, and gently while it takes none."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from signaling_service.clock import Clock
from signaling_service.webhook.receiver import AT_ONCE, Answer

FIRST_BACKOFF: Final = 1.0  # s; then twice as long each time
MAX_BACKOFF: Final = 60.0  # s; for one event
MAX_PROBE_BACKOFF: Final = 15.0  # s; a phone rings for a minute: find out soon that all is well
DOWN_AFTER: Final = AT_ONCE  # failures in a row


def backoff(failures: int, most: float = MAX_BACKOFF) -> float:
    """How long to wait after so many failures, at least half of what it may be; seconds."""
    longest = min(most, FIRST_BACKOFF * 2.0 ** min(failures - 1, 10))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads retries, hides nothing


class Gate:
    """Lets `AT_ONCE` posts through, one at a time while the receiver is down.

    It is down after `DOWN_AFTER` failures in a row that say so; the first post that is taken
    opens the gate again.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._places = asyncio.Semaphore(AT_ONCE)
        self._probing = asyncio.Lock()
        self._has_opened = asyncio.Event()
        self._failures = 0  # in a row
        self._probes = 0  # that failed
        self._shut_until = 0.0

    @property
    def is_down(self) -> bool:
        """Whether the receiver takes nothing at all."""
        return self._failures >= DOWN_AFTER

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Make one post."""
        async with self._places:
            if not self.is_down:
                await self._opens()
                yield
                return
            async with self._probing:
                await self._opens()
                yield

    def learn(self, answer: Answer) -> None:
        """See how the receiver is from what became of a post."""
        now = self._clock.now()
        if not answer.is_away:
            self._failures, self._probes, self._shut_until = 0, 0, 0.0
            self._has_opened.set()
            return
        self._failures += 1
        if self.is_down and now >= self._shut_until:  # else it began before
            self._probes += 1
            self._shut_until = now + backoff(self._probes, MAX_PROBE_BACKOFF)
        if answer.pause is not None:
            self._shut_until = max(self._shut_until, now + answer.pause)

    async def _opens(self) -> None:
        while (rest := self._shut_until - self._clock.now()) > 0:
            self._has_opened.clear()
            timer = self._clock.call_later(rest, self._has_opened.set)
            try:
                await self._has_opened.wait()
            finally:
                timer.cancel()
