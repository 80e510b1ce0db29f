"""What a shared engine can tell: read there, whenever somebody asks."""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError
from signaling.internal.v1 import state_pb2 as state
from signaling.v1 import calls_pb2

from signaling_service.backends.archive import KnownDevice, Place
from signaling_service.backends.link import AnswerError, Link
from signaling_service.backends.location import Location
from signaling_service.backends.traces import LAST_KEPT, Delivered, record_from, told
from signaling_service.backends.views import device_of, key_of, known_call
from signaling_service.core.errors import BackendAwayError, CursorLostError
from signaling_service.core.model import Call, Device
from signaling_service.core.news import event_of, presence_news

CURSOR: Final = re.compile(r"\d{1,19}-\d{1,19}")  # the id of an entry of a stream
LISTEN_FOR: Final = 2000  # ms; one wait for events
LISTEN_TIMEOUT: Final = LISTEN_FOR / 1000 + 1.0  # s; then the connection is dead
EVENTS_AT_ONCE: Final = 1000  # they only say that there are some
PAUSE: Final = 0.25  # s; while the engine is away


class RedisArchive:
    """An `Archive` of what is in an engine; see there."""

    def __init__(self, location: Location, link: Link) -> None:
        self._location = location
        self._link = link
        self._wakes: set[Callable[[], None]] = set()
        self._listener: asyncio.Task[None] | None = None
        self._is_closing = False

    async def close(self) -> None:
        """Listen no more."""
        self._is_closing = True
        if self._listener is not None:
            await asyncio.wait([self._listener], timeout=LISTEN_TIMEOUT)

    async def call(self, call_id: str) -> Call | None:
        """See `Archive.call`."""
        ((own, _users, _others),) = await self._link.run("look", call_id, 0, 0)
        return known_call(call_id, own).call

    async def calls(self, user_id: str | None, behind: Place | None, limit: int) -> Sequence[Call]:
        """See `Archive.calls`."""
        listed = "calls" if user_id is None else f"i:{user_id}"
        place = ("", "") if behind is None else (behind.call_id, behind.created_at)
        (found,) = await self._link.run("list", listed, *place, limit)
        known = [known_call(call_id.decode(), record).call for call_id, record in found]
        return [call for call in known if call is not None]

    async def devices(self, user_id: str) -> Sequence[KnownDevice]:
        """See `Archive.devices`."""
        (found,) = await self._link.run("devices", user_id)
        return sorted(_device(user_id, each) for each in found)

    async def trace(self, call_id: str) -> calls_pb2.GetCallTraceResponse | None:
        """See `Archive.trace`."""
        call = await self.call(call_id)
        devices = [] if call is None else [key_of(call.caller.device), *map(key_of, call.legs)]
        first, last, waiting = await self._link.run("trace", call_id, len(devices), *devices)
        if not first:
            return None
        records = [record_from(data) for data in [*first, *last]]
        pending = [each for each in map(record_from, waiting) if isinstance(each, Delivered)]
        return told(records, pending, is_truncated=len(last) == LAST_KEPT)

    async def newest(self) -> str:
        """See `Archive.newest`."""
        cursor, _ = await self._link.run("events", "", 0)
        return str(cursor.decode())

    async def oldest(self) -> str:
        """See `Archive.oldest`."""
        cursor, _ = await self._link.run("events", "-", 0)
        return str(cursor.decode())

    async def events(self, cursor: str, limit: int) -> Sequence[calls_pb2.SignalingEvent]:
        """See `Archive.events`."""
        if not CURSOR.fullmatch(cursor):
            raise CursorLostError
        try:
            _, found = await self._link.run("events", cursor, limit)
        except AnswerError:
            raise CursorLostError from None
        return [
            event_from(each, dict(zip(fields[::2], fields[1::2], strict=True)))
            for each, fields in found
        ]

    @contextmanager
    def watching(self, wake: Callable[[], None]) -> Iterator[None]:
        """See `Archive.watching`."""
        self._wakes.add(wake)
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen_on())
        try:
            yield
        finally:
            self._wakes.discard(wake)

    def _wake(self) -> None:
        for wake in self._wakes:
            wake()

    async def _listen_on(self) -> None:
        """Wake whoever watches; end with the last of them. Never cancelled: see `Membership`."""
        while self._wakes and not self._is_closing:
            try:
                client = await self._location.find(socket_timeout=LISTEN_TIMEOUT)
                try:
                    await self._listen(client)
                finally:
                    await client.aclose()
            except (RedisError, OSError, BackendAwayError):
                await asyncio.sleep(PAUSE)
        self._listener = None

    async def _listen(self, client: Redis) -> None:
        key = f"{{{self._location.cell}}}:events"
        cursor = await self.newest()
        while self._wakes and not self._is_closing:
            self._wake()  # also for what came before, and for what was missed
            found = await client.xread({key: cursor}, count=EVENTS_AT_ONCE, block=LISTEN_FOR)
            for _, entries in cast("list[tuple[bytes, list[tuple[bytes, Any]]]]", found or []):
                cursor = entries[-1][0].decode()


def _device(user_id: str, found: Sequence[Any]) -> KnownDevice:
    """A device, as the script tells of it."""
    device_id, is_connected, attached_at, active_at, agent = found
    told_of = state.Agent.FromString(agent)
    return KnownDevice(
        Device(user_id, device_id.decode()),
        bool(is_connected),
        float(attached_at),
        float(active_at),
        told_of.agent,
        dict(told_of.labels),
    )


def event_from(cursor: bytes, fields: Mapping[bytes, bytes]) -> calls_pb2.SignalingEvent:
    """An event, as the engine keeps it: see `lua/lib.lua`."""
    if b"e" in fields:
        event = calls_pb2.SignalingEvent.FromString(fields[b"e"])
    else:
        now, is_connected = float(fields[b"t"]), fields[b"c"] == b"1"
        device = device_of(fields[b"d"])
        event = event_of(presence_news(device, now, is_connected=is_connected))
    event.cursor = cursor.decode()
    return event
