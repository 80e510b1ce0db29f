"""When the embedded backend has to look at what: a heap that never holds much more than it must."""

import heapq
from collections.abc import Callable, Iterator
from typing import Final

from signaling_service.core.model import Device

SLACK: Final = 1024  # reminders that no longer hold, before they are swept out

Key = str | Device  # a call, or a device


class Reminders:
    """Keys by when they are due. `holds` tells whether a key still is, at that time."""

    def __init__(self, holds: Callable[[float, Key], bool]) -> None:
        self._holds = holds
        self._heap: list[tuple[float, int, Key]] = []
        self._count = 0
        self._bound = SLACK

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def next_at(self) -> float | None:
        """When the next is due, None for never."""
        return self._heap[0][0] if self._heap else None

    def add(self, when: float, key: Key) -> None:
        """A key is due at some time, whenever else it is."""
        if len(self._heap) >= self._bound:
            held = {(when, key): order for when, order, key in self._heap if self._holds(when, key)}
            self._heap = [(when, order, key) for (when, key), order in held.items()]
            heapq.heapify(self._heap)
            self._bound = 2 * len(self._heap) + SLACK
        self._count += 1  # the order of equal times; keys of two kinds don't compare
        heapq.heappush(self._heap, (when, self._count, key))

    def take(self, now: float) -> Iterator[Key]:
        """Take what is due out."""
        while self._heap and self._heap[0][0] <= now:
            yield heapq.heappop(self._heap)[2]
