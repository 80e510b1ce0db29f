"""Forged credentials: who goes on trying them waits longer and longer."""

from collections.abc import Awaitable, Callable
from typing import Final

from signaling_service.clock import Clock, sleep
from signaling_service.core.buckets import UNLIMITED, Rate
from signaling_service.core.errors import BackendAwayError

FAILURES: Final = Rate(10 / 1800, 10)  # ten in half an hour are mistakes
MAX_DELAY: Final = 25.0  # s; longer, and a proxy cuts the request off
MAX_WAITING: Final = 1000  # attempts that wait; what comes on top costs more than it gains

Take = Callable[[str, Rate, float], Awaitable[float]]  # of a bucket that all nodes share


class Throttle:
    """Counts failed attempts by address, at all nodes together, and holds the later ones up.

    Credentials that are good are never held up: who shares an address with an attacker
    comes in.
    """

    def __init__(self, take: Take, clock: Clock) -> None:
        self._take = take
        self._clock = clock
        self.held = 0  # attempts that had to wait, so far
        self._waiting = 0

    async def hold(self, address: str) -> None:
        """A forged attempt came from `address`: wait, before anybody hears that it failed."""
        try:
            left = await self._take(f"forged {address}", FAILURES, UNLIMITED)
        except BackendAwayError:
            return  # nobody comes in meanwhile anyway
        delay = min(max(-left, 0), MAX_DELAY)
        if delay and self._waiting < MAX_WAITING:
            self._waiting += 1
            self.held += 1
            try:
                await sleep(self._clock, delay)
            finally:
                self._waiting -= 1
