"""How long a client waits, and how: the only place where it meets the clock and chance."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

MAX_DOUBLINGS: Final = 16  # of the first wait; by then any sensible most is reached


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Waits in seconds. The defaults are those of the contract; a test brings its own."""

    min_backoff: float = 0.5  # the first wait is drawn from 0 to this, doubled by every failure
    max_backoff: float = 30.0
    ack_delay: float = 0.2  # an ack waits this long for a request to ride on
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    uniform: Callable[[float, float], float] = random.uniform
    now: Callable[[], float] = time.time  # s since the epoch, as a token's expiry

    def backoff(self, failures: int) -> float:
        """How long to wait after so many failures in a row: drawn, so nobody comes in step."""
        most = self.min_backoff * 2 ** min(failures, MAX_DOUBLINGS)
        return self.uniform(0.0, min(self.max_backoff, most))

    def spread(self, seconds: float) -> float:
        """At least so long, at most twice: who was refused together does not come together."""
        return self.uniform(seconds, 2 * seconds)
