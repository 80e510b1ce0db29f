"""A node among others: its lease, what others tell its streams, and how it catches up.

What the engine holds is the truth. After a hint that was lost, a lease that ran out
while the process stood still, or an engine that was away, the node asks for the
standing of all its streams, some at a time.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from signaling_service.backends.link import Link
from signaling_service.backends.local import LocalStream, LocalStreams, known_of
from signaling_service.backends.location import Location
from signaling_service.backends.stored import entry_from_bytes, stamp_of
from signaling_service.backends.views import device_of, key_of, states_of
from signaling_service.clock import Clock
from signaling_service.core.errors import BackendAwayError, FencedError, RevokedError
from signaling_service.core.model import Device, State

NODE_BYTES: Final = 8  # no two nodes have the same name
LEASE: Final = 8.0  # s; peers of a dead node's devices hear of it within ten, a sweep later
BEATS: Final = 4  # of a lease; two may be missed
PROBE_PAUSE: Final = 0.25  # s; while the engine is away
LISTEN_FOR: Final = 2  # s; one wait for hints
LISTEN_TIMEOUT: Final = LISTEN_FOR + 1.0  # s; then the connection is dead
HINTS_AT_ONCE: Final = 256
STREAMS_AT_ONCE: Final = 200  # to ask for; the engine is not held up for longer

_FENCES: Final[Mapping[bytes, type[FencedError]]] = {b"f": FencedError, b"k": RevokedError}

log = structlog.get_logger()


class Membership:
    """The part of a node in a cell.

    Args:
        location: where the cell lies.
        link: the way there.
        streams: of this node.
        clock: the time of calls.
        follow: called with the engine's time now and then.
        lease: after how long without a word a node counts as dead; seconds.
        window: how long a session outlives its stream; seconds.
    """

    def __init__(  # noqa: PLR0913 - each is used for one thing
        self,
        location: Location,
        link: Link,
        streams: LocalStreams,
        *,
        clock: Clock,
        follow: Callable[[float], None],
        lease: float,
        window: float,
    ) -> None:
        self.node = secrets.token_hex(NODE_BYTES)
        self._location = location
        self._link = link
        self._streams = streams
        self._clock = clock
        self._follow = follow
        self._lease = lease
        self._window = window
        self._live_calls: Mapping[State, int] | None = None
        self._in_touch_since: float | None = None
        self._beat_at = 0.0
        self._must_catch_up = asyncio.Event()
        self._is_lost = asyncio.Event()
        self._abandoned: list[tuple[Device, str]] = []
        self._tasks: list[asyncio.Task[None]] = []
        # never cancelled: redis-py may swallow that, and leave a connection open
        self._listener: asyncio.Task[None] | None = None
        self._is_closing = False

    @property
    def may_bury(self) -> bool:
        """Whether this node can tell that another one is dead: it was there all the time.

        After the engine was away every lease has run out, and nobody is dead.
        """
        since = self._in_touch_since
        return since is not None and time.monotonic() - since > self._lease

    def live_calls(self) -> Mapping[State, int] | None:
        """See `Backend.live_calls`: as of the last beat."""
        return None if self._link.is_away else self._live_calls

    async def start(self) -> None:
        """Join, if the engine is there, and stay a member from now on."""
        await self._beat()
        self._tasks = [
            asyncio.create_task(self._beat_on()),
            asyncio.create_task(self._catch_up_on()),
        ]
        self._listener = asyncio.create_task(self._listen_on())

    async def close(self) -> None:
        """Leave: streams that are still here are lost at once."""
        self._is_closing = True
        for task in self._tasks:
            task.cancel()
        with suppress(BackendAwayError):  # then the lease runs out
            await self._link.run("leave", self.node)
        tasks = [*self._tasks, *([self._listener] if self._listener else [])]
        if tasks:
            await asyncio.wait(tasks, timeout=LISTEN_TIMEOUT)

    def tell(self, *, is_there: bool) -> None:
        """The engine does not answer any more, or it does again."""
        if is_there:
            self.catch_up()
        else:
            self._in_touch_since = None
            self._is_lost.set()

    def catch_up(self) -> None:
        """Something may have been missed."""
        self._must_catch_up.set()

    def abandon(self, device: Device, attempt: str) -> None:
        """Let a stream be lost that may have been attached without a word."""
        self._abandoned.append((device, attempt))
        self.catch_up()

    # the lease

    async def _beat_on(self) -> None:
        while True:
            pause = PROBE_PAUSE if self._link.is_away else self._lease / BEATS
            self._is_lost.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_lost.wait(), pause)
            await self._beat()

    async def _beat(self) -> None:
        """Say that this node is alive; look at the engine's clock."""
        asked_at = time.monotonic()
        try:
            reply = await self._link.run("beat", self.node, self._lease, is_probe=True)
        except BackendAwayError:
            return
        now = time.monotonic()
        if now - self._beat_at > 2 * self._lease / BEATS:
            self._in_touch_since = None
        self._in_touch_since, self._beat_at = self._in_touch_since or now, now
        self._link.count_replicas()
        engine_time, was_given_up = float(reply[0]), bool(reply[1])
        self._live_calls = states_of(reply[2])
        self._compare_clocks(engine_time, asked_at, now)
        if was_given_up:
            self.catch_up()

    def _compare_clocks(self, engine_time: float, asked_at: float, now: float) -> None:
        """Go by the engine's clock, as exactly as a round trip tells it.

        It was that time there at some point between the question and the reply: what fits
        is kept, and what does not is moved no further than has to be. A reply that was
        long under way would move it by seconds.
        """
        latest, earliest = engine_time - asked_at, engine_time - now
        known = self._link.offset
        offset = (earliest + latest) / 2 if known is None else min(max(known, earliest), latest)
        if offset != known:
            self._link.offset = offset
            self._follow(now + offset)

    # hints

    async def _listen_on(self) -> None:
        while not self._is_closing:
            try:
                client = await self._location.find(socket_timeout=LISTEN_TIMEOUT)
            except (RedisError, OSError):
                await asyncio.sleep(PROBE_PAUSE)
                continue
            self.catch_up()
            try:
                await self._listen(client)
            except (RedisError, OSError) as error:
                if isinstance(error, ResponseError):  # not that it is away
                    log.warning("hints_unread", error=str(error))
                await asyncio.sleep(PROBE_PAUSE)
            finally:
                await client.aclose()

    async def _listen(self, client: Redis) -> None:
        key = f"{{{self._location.cell}}}:hints:{self.node}"
        while not self._is_closing:
            found = await client.blmpop(LISTEN_FOR, 1, key, direction="LEFT", count=HINTS_AT_ONCE)
            for hint in cast("list[bytes]", found[1]) if found else ():
                self._hear(hint)

    def _hear(self, hint: bytes) -> None:
        line, _, entry = hint.partition(b"\n")
        op, number, session, key = line.split(b" ", 3)
        if op == b"r":
            self.catch_up()
        elif op in _FENCES:
            self._streams.fence(device_of(key), int(number), _FENCES[op])
        elif (stream := self._streams.of(device_of(key))) is not None:
            seq = int(number)
            whole = entry_from_bytes(seq, entry) if b"\n" in entry else None
            stream.feed(int(session), seq, stamp_of(entry), whole)

    # catching up

    async def _catch_up_on(self) -> None:
        while True:
            await self._must_catch_up.wait()
            self._must_catch_up.clear()
            streams = self._streams.all()
            try:
                await self._lose_abandoned()
                for start in range(0, len(streams), STREAMS_AT_ONCE):
                    await self._catch_up(streams[start : start + STREAMS_AT_ONCE])
            except BackendAwayError:
                self._must_catch_up.set()
                await asyncio.sleep(PROBE_PAUSE)

    async def _lose_abandoned(self) -> None:
        while self._abandoned:
            device, attempt = self._abandoned[0]
            now, window = self._clock.now(), self._window
            await self._link.run("abandon", now, key_of(device), attempt, window)
            del self._abandoned[0]

    async def _catch_up(self, candidates: Sequence[LocalStream]) -> None:
        """Ask for the standing of some streams, and let them know."""
        # one that has ended meanwhile must not be back
        streams = [one for one in candidates if self._streams.of(one.id.device) is one]
        rows: list[bytes | str | float] = []
        for stream in streams:
            rows += [key_of(stream.id.device), stream.id.fence, *known_of(stream)]
        (answers,) = await self._link.run(
            "resync", self.node, self._clock.now(), len(streams), *rows
        )
        for stream, (verdict, top) in zip(streams, answers, strict=True):
            if verdict == b"LOST":
                stream.is_lost = True
                stream.wake()
            elif verdict != b"OK":
                self._streams.fence(stream.id.device, below=stream.id.fence + 1)
            elif stream.is_waiting or top > stream.top:
                stream.doubt()
