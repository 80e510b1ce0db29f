"""Posts every event: at least once, in order for each call, at one node of all.

Whoever has the claim reads the log, posts, and says how far everything is done. When it
dies its claim runs out, and another node goes on from there.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog
from google.protobuf.json_format import MessageToJson
from signaling.v1 import calls_pb2 as calls

from signaling_service.backends.claims import Claims
from signaling_service.clock import Clock, sleep
from signaling_service.core.errors import BackendAwayError, CursorLostError
from signaling_service.webhook.figures import Figures
from signaling_service.webhook.gate import Gate, backoff
from signaling_service.webhook.log import Log
from signaling_service.webhook.receiver import Answer, Receiver
from signaling_service.webhook.signing import Secrets
from signaling_service.webhook.window import Post, Window

NAME: Final = "webhook"  # of the claim: the same whatever the URL, which may move
CLAIM: Final = 5.0  # s; so long after its death nobody posts
CLAIM_INTERVAL: Final = 1.0  # s; between two looks at it
ADVANCE_PAUSE: Final = 0.1  # s; what was posted in it is posted again if the node dies
READ_PAUSE: Final = 0.5  # s; while the backend is away
WORTH_TELLING: Final = 3540.0  # s; a minute before it falls out of the log
READ_AT_ONCE: Final = 128  # events; the engine is not held up for longer
HEADERS: Final = {"content-type": "application/json", "user-agent": "signaling-service"}

log = structlog.get_logger()


class _ClaimLostError(Exception):
    """Another node posts."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a poster works with."""

    log: Log
    claims: Claims
    receiver: Receiver
    secrets: Secrets
    figures: Figures
    clock: Clock


class Poster:
    """Posts events of some `kinds`, all if there are none, from `start` to `close`."""

    def __init__(self, parts: Parts, kinds: Collection[str] = ()) -> None:
        self._parts = parts
        self._kinds = frozenset(kinds)
        self._holder = secrets.token_hex(8)
        self._gate = Gate(parts.clock)
        self._window = Window("")
        self._has_room, self._has_moved = asyncio.Event(), asyncio.Event()
        self._held_until = 0.0
        self._task: asyncio.Task[None] | None = None
        parts.figures.watch(self._oldest_age)

    def start(self) -> None:
        """Post, or wait for the node that does to die."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Post no more; another node goes on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._parts.receiver.close()

    # the claim

    async def _run(self) -> None:
        while True:
            try:
                if await self._claim():
                    await self._hold()
            except (BackendAwayError, _ClaimLostError):
                self._held_until = 0.0
            except Exception:
                log.exception("webhook_failed")
            await sleep(self._parts.clock, CLAIM_INTERVAL)

    async def _claim(self) -> bool:
        """Try to be the one who posts; the first ever begins with what has yet to happen."""
        parts, asked_at = self._parts, self._parts.clock.now()
        position = await parts.claims.claim(NAME, self._holder, CLAIM)
        if position is None:
            return False
        self._held_until = asked_at + CLAIM
        self._window = Window(position or await parts.log.newest())
        self._has_moved.set()
        return True

    async def _hold(self) -> None:
        """Post until the claim is lost."""
        figures = self._parts.figures
        figures.holds(is_ours=True)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_claim())
                group.create_task(self._read_on(group))
        except* (BackendAwayError, _ClaimLostError):
            self._held_until = 0.0
        finally:
            figures.tell(self._parts.clock.now(), at_once=True)
            figures.holds(is_ours=False)
            self._window, position = Window(""), self._window.position
            await self._let_go(position)

    async def _keep_claim(self) -> None:
        while True:
            asked_at = self._parts.clock.now()
            try:
                await self._advance(asked_at)
            except BackendAwayError:
                if asked_at > self._held_until:
                    raise
            self._parts.figures.tell(self._parts.clock.now())
            await sleep(self._parts.clock, ADVANCE_PAUSE)
            await self._moves()

    async def _advance(self, asked_at: float) -> None:
        self._has_moved.clear()
        position = self._window.position
        if not await self._parts.claims.advance(NAME, self._holder, position, CLAIM):
            raise _ClaimLostError
        self._held_until = asked_at + CLAIM

    async def _moves(self) -> None:
        """Wait until more is done, or the claim has to be renewed."""
        timer = self._parts.clock.call_later(CLAIM_INTERVAL, self._has_moved.set)
        try:
            await self._has_moved.wait()
        finally:
            timer.cancel()

    async def _let_go(self, position: str) -> None:
        with suppress(BackendAwayError):  # then the claim runs out
            if await self._parts.claims.advance(NAME, self._holder, position, CLAIM):
                await self._parts.claims.give_up(NAME, self._holder)

    # the log

    async def _read_on(self, group: asyncio.TaskGroup) -> None:
        cursor = self._window.position
        with self._parts.log.watching(self._has_room.set):
            while True:
                self._has_room.clear()
                if self._window.room >= READ_AT_ONCE:
                    cursor, events = await self._read(cursor)
                    for event in events:
                        self._take(group, event)
                    if events:
                        continue
                await self._has_room.wait()

    async def _read(self, cursor: str) -> tuple[str, Sequence[calls.SignalingEvent]]:
        """The next events, and the cursor behind them.

        If what is behind `cursor` was lost, the oldest there are. While the backend is away
        it is asked again: whether to go on is up to the claim.
        """
        while True:
            try:
                events = await self._parts.log.events(cursor, READ_AT_ONCE)
            except CursorLostError:
                self._parts.figures.lost_uncounted()
                cursor = await self._parts.log.oldest()
                self._window.skip_to(cursor)
            except BackendAwayError:
                await sleep(self._parts.clock, READ_PAUSE)
            else:
                return (events[-1].cursor if events else cursor), events

    def _take(self, group: asyncio.TaskGroup, event: calls.SignalingEvent) -> None:
        kind = event.WhichOneof("event")
        if kind is None or (self._kinds and kind not in self._kinds):
            self._window.pass_over(event)
            self._has_moved.set()
        elif post := self._window.add(event):
            group.create_task(self._work(post))

    # posting

    async def _work(self, first: Post) -> None:
        """Post the events of a lane, until there are no more of it."""
        post: Post | None = first
        while post is not None:
            await self._deliver(post)
            post = self._window.finish(post)
            self._has_moved.set()
            self._has_room.set()

    async def _deliver(self, post: Post) -> None:
        """Post an event until it is taken, or nobody wants to know any more."""
        figures, failures = self._parts.figures, 0
        while not self._is_over(post):
            async with self._gate.turn():
                if self._is_over(post):  # the turn came late
                    continue
                answer = await self._post(post.event)
            if answer.is_taken:
                break
            failures += 1
            figures.retries(int(failures == 1))
            if not self._gate.is_down:  # else the gate says when
                pause = max(backoff(failures), answer.retry_after or 0.0)
                await sleep(self._parts.clock, pause)
        else:
            figures.lost()
        figures.retries(-int(failures > 0))

    async def _post(self, event: calls.SignalingEvent) -> Answer:
        """Post an event once.

        Raises:
            _ClaimLostError: another node may be posting by now.
        """
        if self._parts.clock.now() > self._held_until:
            raise _ClaimLostError
        body = MessageToJson(event, indent=None).encode()
        now = self._parts.clock.now()
        headers = self._parts.secrets.sign(id_of(event), int(now), body)
        answer = await self._parts.receiver.post({**headers, **HEADERS}, body)
        self._gate.learn(answer)
        self._parts.figures.answered(answer, self._parts.clock.now())
        return answer

    def _is_over(self, post: Post) -> bool:
        return post.happened_at + WORTH_TELLING < self._parts.clock.now()

    def _oldest_age(self) -> float:
        """How old the oldest event is that is not done; on the metrics' thread."""
        oldest_at = self._window.oldest_at
        return 0.0 if oldest_at is None else max(self._parts.clock.now() - oldest_at, 0.0)


def id_of(event: calls.SignalingEvent) -> str:
    """The same whenever an event is posted: who takes it can tell that it has it already."""
    return f"evt_{hashlib.sha256(event.cursor.encode()).hexdigest()[:32]}"
