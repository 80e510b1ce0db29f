"""A clock that tests move by hand."""

import heapq
import itertools
from collections.abc import Callable


class ManualTimer:
    """Something that will happen when the clock is moved past it."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    @property
    def is_pending(self) -> bool:
        """Whether it is still to happen."""
        return self._callback is not None

    def cancel(self) -> None:
        """Let it not happen. Without effect once it has."""
        self._callback = None

    def fire(self) -> None:
        """Let it happen, unless it was cancelled."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class ManualClock:
    """A `Clock` that stands still until `advance`."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self._now = now
        self._order = itertools.count()
        self._timers: list[tuple[float, int, ManualTimer]] = []

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._now

    def follow(self, now: float) -> None:
        """Stand still all the same: tests alone move it."""

    def call_later(self, delay: float, callback: Callable[[], None]) -> ManualTimer:
        """Call `callback` once the clock has been moved by `delay` seconds."""
        timer = ManualTimer(callback)
        heapq.heappush(self._timers, (self._now + delay, next(self._order), timer))
        return timer

    @property
    def next_at(self) -> float | None:
        """When the next timer fires, None if there is none."""
        while self._timers and not self._timers[0][2].is_pending:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def advance(self, seconds: float) -> None:
        """Move on, and fire what comes due on the way: in order, each at its own time."""
        until = self._now + seconds
        while self.fire_next(until):
            pass

    def fire_next(self, until: float) -> bool:
        """Move on to the next timer and fire it, or to `until` if none comes before."""
        at = self.next_at
        if at is None or at > until:
            self._now = max(self._now, until)
            return False
        self._now = max(self._now, at)
        heapq.heappop(self._timers)[2].fire()
        return True
