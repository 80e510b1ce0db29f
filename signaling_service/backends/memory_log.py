"""What the embedded backend keeps for services, all of it bounded: events, traces, revocations."""

import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from signaling.v1 import calls_pb2 as calls

from signaling_service.backends.archive import EVENT_MEMORY
from signaling_service.backends.traces import (
    FIRST_KEPT,
    LAST_KEPT,
    TRACE_MEMORY,
    Delivered,
    Kept,
    Record,
)
from signaling_service.core.errors import CursorLostError
from signaling_service.core.mailbox import Entry
from signaling_service.core.model import Device, News, State, Traced
from signaling_service.core.news import event_of

LOG_BYTES: Final = 4  # random ones that tell this log from one of another process


# a record as a trace holds it: whether it is of a step, its stamp, and the fields of `Traced` or
# the others of `Delivered`; in one list, one after the other, they take half the memory
_Bare = tuple[bool, int, Any, Any, Any, Any, Any]
_WIDTH: Final = 7


class EventLog:
    """The events of the last hour, at most `limit` of them; the newest stays, whatever its age."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._name = secrets.token_hex(LOG_BYTES)
        self._news: deque[News] = deque()
        self._newest = 0  # they are numbered from 1
        self._wakes: set[Callable[[], None]] = set()

    def append(self, news: Sequence[News], now: float) -> None:
        """Something has happened; whoever watches is woken."""
        kept = self._news
        kept.extend(news)
        self._newest += len(news)
        while len(kept) > 1 and (len(kept) > self._limit or kept[0][1] < now - EVENT_MEMORY):
            kept.popleft()
        for wake in self._wakes:
            wake()

    def newest(self) -> str:
        """The cursor of the newest event."""
        return f"{self._name}-{self._newest}"

    def oldest(self) -> str:
        """The cursor behind which lies all that there is."""
        return f"{self._name}-{self._newest - len(self._news)}"

    def behind(self, cursor: str, limit: int) -> Sequence[calls.SignalingEvent]:
        """The next events behind a cursor.

        Raises:
            CursorLostError: it is of another log, or what was behind it was dropped.
        """
        name, _, number = cursor.rpartition("-")
        after = int(number) if number.isdecimal() else -1
        dropped = self._newest - len(self._news)
        if name != self._name or not dropped <= after <= self._newest:
            raise CursorLostError
        last = min(after + limit, self._newest)
        return [
            event_of(self._news[n - dropped - 1], f"{self._name}-{n}")
            for n in range(after + 1, last + 1)
        ]

    @contextmanager
    def watching(self, wake: Callable[[], None]) -> Iterator[None]:
        """See `Archive.watching`."""
        self._wakes.add(wake)
        try:
            yield
        finally:
            self._wakes.discard(wake)


class Trace:
    """What is kept of one call: how it came about, and how it went on."""

    __slots__ = ("ended_at", "first", "last")

    def __init__(self) -> None:
        self.first: list[Any] = []  # records of `_WIDTH`, one after the other
        self.last: deque[_Bare] | None = None  # most calls have no more than the first
        self.ended_at: float | None = None

    def add(self, record: _Bare) -> None:
        """Keep a record."""
        if len(self.first) < FIRST_KEPT * _WIDTH:
            self.first += record
        elif self.last is None:
            self.last = deque([record], LAST_KEPT)
        else:
            self.last.append(record)

    @property
    def is_truncated(self) -> bool:
        """Whether there may have been more."""
        return self.last is not None and len(self.last) == LAST_KEPT

    def records(self) -> list[Record]:
        """All that is kept."""
        first = zip(*[iter(self.first)] * _WIDTH, strict=True)
        return [_record(each) for each in (*first, *(self.last or ()))]


class Traces:
    """The traces of live calls and of those that ended within the hour, at most `limit`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._live: dict[str, Trace] = {}
        self._ended: dict[str, Trace] = {}  # in the order of their ends

    def took(self, call_id: str, stamp: int, steps: Sequence[Traced], now: float) -> None:
        """Some steps were taken at once."""
        trace = self._find(call_id)
        if trace is None:
            self._make_room(now)
            trace = self._live[call_id] = Trace()
        for step in steps:
            trace.add((True, stamp, *step))
        if steps[-1].state is State.ENDED and trace.ended_at is None:
            trace.ended_at = now
            self._ended[call_id] = self._live.pop(call_id)

    def acked(self, device: Device, entries: Iterable[Entry], acked_at: int) -> None:
        """A device has acknowledged these; microseconds."""
        live, ended = self._live, self._ended
        for seq, call_id, kind, _, _, stamp in entries:
            if trace := live.get(call_id) or ended.get(call_id):
                trace.add((False, stamp, device, kind, seq, acked_at, False))

    def dropped(self, device: Device, entries: Iterable[Entry]) -> None:
        """These were never acknowledged, and never will be."""
        for seq, call_id, kind, _, _, stamp in entries:
            if trace := self._find(call_id):
                trace.add((False, stamp, device, kind, seq, None, True))

    def of(self, call_id: str, now: float) -> Trace | None:
        """The trace of a call, until an hour after its end."""
        trace = self._find(call_id)
        return None if trace is None or _is_over(trace, now) else trace

    def _find(self, call_id: str) -> Trace | None:
        return self._live.get(call_id) or self._ended.get(call_id)

    def _make_room(self, now: float) -> None:
        """Drop what is too old; of too many, those first that ended first."""
        while self._ended:
            call_id, trace = next(iter(self._ended.items()))
            if not self._is_full and not _is_over(trace, now):
                return
            del self._ended[call_id]
        while self._is_full:
            del self._live[next(iter(self._live))]

    @property
    def _is_full(self) -> bool:
        return len(self._live) + len(self._ended) >= self._limit


def _record(bare: _Bare) -> Record:
    is_step, stamp, *fields = bare
    return Kept(stamp, Traced(*fields)) if is_step else Delivered(stamp, *fields)


def _is_over(trace: Trace, now: float) -> bool:
    return trace.ended_at is not None and trace.ended_at + TRACE_MEMORY <= now


class Revocations:
    """When tokens of a device were revoked last, and which of its streams that ended."""

    def __init__(self, memory: float) -> None:
        self._memory = memory
        self._revoked: dict[Device, tuple[float, int]] = {}  # the oldest first

    def revoke(self, device: Device, now: float, fence: int) -> None:
        """Tokens issued before now are no good, nor are streams up to a fence."""
        while self._revoked:
            oldest, (revoked_at, _) = next(iter(self._revoked.items()))
            if revoked_at + self._memory > now:
                break
            del self._revoked[oldest]
        self._revoked.pop(device, None)
        self._revoked[device] = now, fence

    def revoked_at(self, device: Device) -> float:
        """When that was; 0 for never."""
        return self._revoked.get(device, (0.0, 0))[0]

    def ended(self, device: Device, fence: int) -> bool:
        """Whether a stream was ended by it."""
        return fence <= self._revoked.get(device, (0.0, 0))[1]
