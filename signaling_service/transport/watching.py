"""Streams of events for other services: from a cursor on, and on for as long as they read."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final

from grpc import StatusCode
from signaling.v1 import calls_pb2

from signaling_service.backends.archive import Archive
from signaling_service.clock import Clock
from signaling_service.core.errors import CursorLostError
from signaling_service.core.news import timestamp
from signaling_service.core.requests import is_valid_id
from signaling_service.transport import errors
from signaling_service.transport.errors import StreamEndedError
from signaling_service.transport.rich import Reason, failure, invalid

MAX_WATCHERS: Final = 100  # of a node; each reads the log by itself
EVENTS_AT_ONCE: Final = 100  # what a slow reader holds at most
BOOKMARK_INTERVAL: Final = 60.0  # s; a cursor is good for an hour

# what an event is about, by its name on the wire
KINDS: Final[Mapping[str, calls_pb2.EventKind.ValueType]] = {
    name.removeprefix("EVENT_KIND_").lower(): value
    for name, value in calls_pb2.EventKind.items()
    if value
}

Begin = Callable[[str], Awaitable[None]]  # told the cursor that the stream begins behind
Send = Callable[[calls_pb2.SignalingEvent], Awaitable[None]]


class Watchers:
    """All streams of events of a node."""

    def __init__(self, archive: Archive, clock: Clock) -> None:
        self._archive = archive
        self._clock = clock
        self._wakes: set[asyncio.Event] = set()
        self._is_over = False

    def __len__(self) -> int:
        return len(self._wakes)

    def end_all(self) -> None:
        """End them: each may go on at another node."""
        self._is_over = True
        for wake in self._wakes:
            wake.set()

    async def watch(self, request: calls_pb2.WatchEventsRequest, begin: Begin, send: Send) -> None:
        """Send the events that are asked for, until the node drains.

        Raises:
            StreamEndedError: it has begun to drain; or a field is not as it has to be.
            BackendAwayError: nobody knows what happens.
        """
        _check(request)
        if len(self._wakes) >= MAX_WATCHERS:
            text = f"a node has at most {MAX_WATCHERS} watchers"
            raise failure(StatusCode.RESOURCE_EXHAUSTED, Reason.TOO_MANY_WATCHERS, text)
        wake = asyncio.Event()
        self._wakes.add(wake)
        try:
            with self._archive.watching(wake.set):
                await self._follow(request, wake, begin, send)
        except CursorLostError:
            text = "cursor: is of more than an hour ago, or of a log that was lost"
            raise failure(StatusCode.OUT_OF_RANGE, Reason.CURSOR_LOST, text) from None
        finally:
            self._wakes.discard(wake)

    async def _follow(
        self, request: calls_pb2.WatchEventsRequest, wake: asyncio.Event, begin: Begin, send: Send
    ) -> None:
        cursor = told = request.cursor or await self._archive.newest()
        events = await self._archive.events(cursor, EVENTS_AT_ONCE)
        await begin(cursor)
        bookmark_at = self._clock.now() + BOOKMARK_INTERVAL
        while not self._is_over:
            for event in events:
                cursor = event.cursor
                if is_wanted(event, request):
                    await send(event)
                    told = cursor
            if told != cursor and self._clock.now() >= bookmark_at:
                await send(bookmark(cursor, self._clock.now()))
                told = cursor
            if told == cursor:
                bookmark_at = self._clock.now() + BOOKMARK_INTERVAL
            if not events:
                await self._wait(wake, bookmark_at)
            wake.clear()
            events = await self._archive.events(cursor, EVENTS_AT_ONCE)
        raise StreamEndedError(errors.DRAINING)

    async def _wait(self, wake: asyncio.Event, until: float) -> None:
        """Wait for more, or for the time of a bookmark."""
        timer = self._clock.call_later(max(until - self._clock.now(), 0), wake.set)
        try:
            await wake.wait()
        finally:
            timer.cancel()


def is_wanted(event: calls_pb2.SignalingEvent, request: calls_pb2.WatchEventsRequest) -> bool:
    """Whether an event is one that was asked for."""
    name = event.WhichOneof("event")
    if name is None or (request.kinds and KINDS[name] not in request.kinds):
        return False
    return not request.HasField("user_id") or request.user_id in users_of(event, name)


def users_of(event: calls_pb2.SignalingEvent, name: str) -> Iterable[str]:
    """Whom an event is about."""
    about = getattr(event, name)
    fields = about.DESCRIPTOR.fields_by_name
    for device in ("caller", "callee", "device"):
        if device in fields:
            yield getattr(about, device).user_id
    for user in ("recipient_user_id", "callee_user_id"):
        if user in fields:
            yield getattr(about, user)


def bookmark(cursor: str, now: float) -> calls_pb2.SignalingEvent:
    """How far the log was read: it had nothing that was asked for."""
    return calls_pb2.SignalingEvent(cursor=cursor, time=timestamp(now))


def _check(request: calls_pb2.WatchEventsRequest) -> None:
    for kind in request.kinds:
        if kind not in KINDS.values():
            raise invalid("kinds", f"{kind} is no EventKind")
    if request.HasField("user_id") and not is_valid_id(request.user_id):
        raise invalid("user_id", "is no id of a user")
