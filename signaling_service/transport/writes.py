"""Stuck writes: a device that does not read must not hold its stream for ever."""

import math
from typing import Final, Protocol

from signaling_service.clock import Clock

WATCH_INTERVAL: Final = 1.0  # s; how exactly a stuck write is timed


class Writer(Protocol):
    """Somebody inside a write."""

    def give_up(self) -> None:
        """Leave the write; it does not come to an end."""


class WriteWatch:
    """Finds the streams whose write does not come to an end, at no cost to the others."""

    def __init__(self, clock: Clock, timeout: float) -> None:
        self._clock = clock
        self.timeout = timeout
        self._ticks_allowed = math.ceil(timeout / WATCH_INTERVAL)
        self._tick = 0
        self._writing: dict[Writer, int] = {}  # since which tick
        self._timer = clock.call_later(WATCH_INTERVAL, self._look)

    def began(self, stream: Writer) -> None:
        """A write begins."""
        self._writing[stream] = self._tick

    def ended(self, stream: Writer) -> None:
        """A write has ended, or its stream."""
        self._writing.pop(stream, None)

    def close(self) -> None:
        """Watch no more."""
        self._timer.cancel()

    def _look(self) -> None:
        self._timer = self._clock.call_later(WATCH_INTERVAL, self._look)
        self._tick += 1
        stuck = [s for s, tick in self._writing.items() if self._tick - tick > self._ticks_allowed]
        for stream in stuck:
            del self._writing[stream]
            stream.give_up()
