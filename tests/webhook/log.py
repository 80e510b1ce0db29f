"""A log of events that a test writes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from signaling.v1 import calls_pb2 as calls

from signaling_service.clock import Clock
from signaling_service.core.errors import CursorLostError


class WrittenLog:
    """A `Log` in memory: `happens` writes into it, `forgets` drops the oldest."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._events: list[calls.SignalingEvent] = []
        self._dropped = 0
        self._wakes: set[Callable[[], None]] = set()
        self.reads = 0

    def happens(self, call: str, *kinds: str, ago: float = 0.0) -> None:
        """Things happen to a call."""
        for kind in kinds:
            event = calls.SignalingEvent()
            getattr(event, kind).call_id = call
            event.time.FromMilliseconds(round((self._clock.now() - ago) * 1000))
            self.add(event)

    def add(self, event: calls.SignalingEvent) -> None:
        """Something happens; the cursor is the log's business."""
        event.cursor = f"log-{self._dropped + len(self._events) + 1}"
        self._events.append(event)
        for wake in self._wakes:
            wake()

    def forgets(self, count: int) -> None:
        """The oldest events are gone."""
        del self._events[:count]
        self._dropped += count

    async def newest(self) -> str:
        """See `Log.newest`."""
        return f"log-{self._dropped + len(self._events)}"

    async def oldest(self) -> str:
        """See `Log.oldest`."""
        return f"log-{self._dropped}"

    async def events(self, cursor: str, limit: int) -> Sequence[calls.SignalingEvent]:
        """See `Log.events`."""
        self.reads += 1
        start = int(cursor.removeprefix("log-")) - self._dropped
        if start < 0:
            raise CursorLostError
        return self._events[start : start + limit]

    @contextmanager
    def watching(self, wake: Callable[[], None]) -> Iterator[None]:
        """See `Log.watching`."""
        self._wakes.add(wake)
        try:
            yield
        finally:
            self._wakes.discard(wake)
