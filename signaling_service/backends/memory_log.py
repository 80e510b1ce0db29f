"""What the embedded backend keeps for services, all of it bounded: events, traces, revocations."""

import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

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
from signaling_service.core.news import MICROS, event_of

STEP, DELIVERED, DROPPED = range(3)  # what a record is of
ERROR_BITS: Final = 16  # of a reason and an error in one number
_NOBODY: Final = "", ""
LOG_BYTES: Final = 4  # random ones that tell this log from one of another process


# A record as plain values, of which the garbage collector looks at none. Of a step: its stamp, the
# ids of its sender, kind, state, reason, error. Of what was delivered: the stamp, the ids of the
# device, kind, seq, when it was acknowledged, whether it never will be.
_Bare = tuple[int, str, str, str, int, int | None, int]


class EventLog:
    """The events of the last hour, at most `limit` of them; the newest stays, whatever its age."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._name = secrets.token_hex(LOG_BYTES)
        self._news: dict[int, News] = {}  # by number, from 1
        self._oldest = 1
        self._newest = 0
        self._wakes: set[Callable[[], None]] = set()

    def append(self, news: Iterable[News], now: float) -> None:
        """Something has happened; whoever watches is woken."""
        for each in news:
            self._newest += 1
            self._news[self._newest] = each
        while self._oldest < self._newest and self._is_too_much(now):
            del self._news[self._oldest]
            self._oldest += 1
        for wake in self._wakes:
            wake()

    def newest(self) -> str:
        """The cursor of the newest event."""
        return f"{self._name}-{self._newest}"

    def oldest(self) -> str:
        """The cursor behind which lies all that there is."""
        return f"{self._name}-{self._oldest - 1}"

    def behind(self, cursor: str, limit: int) -> Sequence[calls.SignalingEvent]:
        """The next events behind a cursor.

        Raises:
            CursorLostError: it is of another log, or what was behind it was dropped.
        """
        name, _, number = cursor.rpartition("-")
        after = int(number) if number.isdecimal() else -1
        if name != self._name or not self._oldest - 1 <= after <= self._newest:
            raise CursorLostError
        last = min(after + limit, self._newest)
        return [event_of(self._news[n], f"{self._name}-{n}") for n in range(after + 1, last + 1)]

    @contextmanager
    def watching(self, wake: Callable[[], None]) -> Iterator[None]:
        """See `Archive.watching`."""
        self._wakes.add(wake)
        try:
            yield
        finally:
            self._wakes.discard(wake)

    def _is_too_much(self, now: float) -> bool:
        _, happened_at, _ = self._news[self._oldest]
        return happened_at < now - EVENT_MEMORY or len(self._news) > self._limit


class Trace:
    """What is kept of one call: how it came about, and how it went on."""

    __slots__ = ("ended_at", "first", "last")

    def __init__(self) -> None:
        self.first: list[_Bare] = []
        self.last: deque[_Bare] | None = None  # most calls have no more than the first
        self.ended_at: float | None = None

    def add(self, record: _Bare) -> None:
        """Keep a record."""
        if len(self.first) < FIRST_KEPT:
            self.first.append(record)
            return
        if self.last is None:
            self.last = deque(maxlen=LAST_KEPT)
        self.last.append(record)

    @property
    def is_truncated(self) -> bool:
        """Whether there may have been more."""
        return self.last is not None and len(self.last) == LAST_KEPT

    def records(self) -> list[Record]:
        """All that is kept."""
        return [_record(each) for each in (*self.first, *(self.last or ()))]


class Traces:
    """The traces of live calls and of those that ended within the hour, at most `limit`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._live: dict[str, Trace] = {}
        self._ended: dict[str, Trace] = {}  # in the order of their ends

    def took(self, call_id: str, stamp: int, steps: Iterable[Traced], now: float) -> None:
        """A step was taken."""
        trace = self._find(call_id)
        if trace is None:
            self._make_room(now)
            trace = self._live[call_id] = Trace()
        for kind, sender, state, reason, error in steps:
            user_id, device_id = sender or _NOBODY
            told = reason << ERROR_BITS | error
            trace.add((stamp, user_id, device_id, kind, int(state), told, STEP))
            if state is State.ENDED and trace.ended_at is None:
                trace.ended_at = now
                self._ended[call_id] = self._live.pop(call_id)

    def acked(self, device: Device, entries: Iterable[Entry], now: float) -> None:
        """A device has acknowledged these."""
        acked_at, (user_id, device_id) = int(now * MICROS), device
        live, ended = self._live, self._ended
        for seq, call_id, kind, _, _, stamp in entries:
            if trace := live.get(call_id) or ended.get(call_id):
                trace.add((stamp, user_id, device_id, kind, seq, acked_at, DELIVERED))

    def dropped(self, device: Device, entries: Iterable[Entry]) -> None:
        """These were never acknowledged, and never will be."""
        for seq, call_id, kind, _, _, stamp in entries:
            if trace := self._find(call_id):
                trace.add((stamp, *device, kind, seq, None, DROPPED))

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
    stamp, user_id, device_id, kind, number, told, what = bare
    device = Device(user_id, device_id)
    if what != STEP:
        return Delivered(stamp, device, kind, number, told, what == DROPPED)
    reason, error = divmod(told or 0, 1 << ERROR_BITS)
    return Kept(stamp, Traced(kind, device if user_id else None, State(number), reason, error))


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
