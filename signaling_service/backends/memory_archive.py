"""What the embedded backend can tell: it looks at the backend's own records."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from itertools import chain, dropwhile, groupby, islice
from typing import Any

from signaling.v1 import calls_pb2

from signaling_service.backends.archive import KnownDevice, Place
from signaling_service.backends.memory_log import EventLog, Traces
from signaling_service.backends.records import Records
from signaling_service.backends.traces import Delivered, told
from signaling_service.clock import Clock
from signaling_service.core.model import Call, Device


class MemoryArchive:
    """An `Archive` of what is in this process; see there."""

    def __init__(self, clock: Clock, records: Records, log: EventLog, traces: Traces) -> None:
        self._clock = clock
        self._records = records
        self._log = log
        self._traces = traces

    async def call(self, call_id: str) -> Call | None:
        """See `Archive.call`."""
        return self._records.calls.get(call_id)

    async def calls(self, user_id: str | None, behind: Place | None, limit: int) -> Sequence[Call]:
        """See `Archive.calls`."""
        listed: dict[str, Any] = (
            self._records.calls if user_id is None else self._records.listed.get(user_id, {})
        )
        found = (self._records.calls[call_id] for call_id in reversed(listed))
        in_order = chain.from_iterable(
            sorted(same, key=_place, reverse=True)
            for _, same in groupby(found, lambda call: call.created_at)
        )
        if behind is None:
            return list(islice(in_order, limit))
        return list(islice(dropwhile(lambda call: _place(call) >= behind, in_order), limit))

    async def devices(self, user_id: str) -> Sequence[KnownDevice]:
        """See `Archive.devices`."""
        user = self._records.user(user_id)
        return [
            KnownDevice(
                Device(user_id, device_id),
                session.is_connected,
                session.attached_at,
                session.active_at,
                session.agent,
                session.labels,
            )
            for device_id, session in sorted(user.sessions.items())
            if not session.is_over
        ]

    async def trace(self, call_id: str) -> calls_pb2.GetCallTraceResponse | None:
        """See `Archive.trace`."""
        trace = self._traces.of(call_id, self._clock.now())
        if trace is None:
            return None
        pending = self._pending(call_id)
        return told(trace.records(), pending, is_truncated=trace.is_truncated)

    async def newest(self) -> str:
        """See `Archive.newest`."""
        return self._log.newest()

    async def oldest(self) -> str:
        """See `Archive.oldest`."""
        return self._log.oldest()

    async def events(self, cursor: str, limit: int) -> Sequence[calls_pb2.SignalingEvent]:
        """See `Archive.events`."""
        return self._log.behind(cursor, limit)

    def watching(self, wake: Callable[[], None]) -> AbstractContextManager[None]:
        """See `Archive.watching`."""
        return self._log.watching(wake)

    def _pending(self, call_id: str) -> Sequence[Delivered]:
        call = self._records.calls.get(call_id)
        if call is None:
            return ()
        return [
            Delivered(entry.stamp, device, entry.kind, entry.seq)
            for device in (call.caller.device, *call.legs)
            if (session := self._records.user(device.user_id).sessions.get(device.device_id))
            for entry in session.mailbox.after(0)
            if entry.bucket == call_id
        ]


def _place(call: Call) -> Place:
    return Place(call.created_at, call.call_id)
