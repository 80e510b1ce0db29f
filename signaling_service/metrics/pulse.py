"""The pulse of an event loop: whether it turns, and how late it is."""

import asyncio
import time
from typing import Final

from signaling_service.metrics.distribution import Distribution

INTERVAL: Final = 0.25  # s; four timers a second cost nothing, and a stall of a second is seen
BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)  # s


class Pulse:
    """Takes the pulse of the event loop that it is started on, by the machine's clock."""

    def __init__(self) -> None:
        self.lag = Distribution(BUCKETS)  # how late it was with what was due
        self._beat_at = time.monotonic()
        self._due_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def silence(self) -> float:
        """How long ago the loop is known to have turned; seconds, for any thread."""
        return time.monotonic() - self._beat_at

    def start(self) -> None:
        """Begin."""
        self._due_at = time.monotonic() + INTERVAL
        self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._beat)

    def close(self) -> None:
        """End."""
        if self._timer is not None:
            self._timer.cancel()

    def _beat(self) -> None:
        self._beat_at = time.monotonic()
        self.lag.observe(max(self._beat_at - self._due_at, 0.0))
        self.start()
