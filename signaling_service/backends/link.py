"""The way to the engine: what one turn of the event loop wants goes as one pipeline.

Every script may run twice and does the same: it is sent again until its reply is there
or somebody has waited too long. A script that is given up on does nothing if it runs
later after all, for the engine looks at the time. So no command is ever cancelled.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import structlog
from redis import exceptions
from redis.asyncio import Redis

from signaling_service.backends.location import Location
from signaling_service.backends.scripts import SCRIPTS, Script
from signaling_service.core.errors import BackendAwayError, SignalingError
from signaling_service.metrics.engine import EngineFigures

PATIENCE: Final = 1.2  # s; then a request is refused: its device hears of it within 1.5
SOCKET_TIMEOUT: Final = 1.5  # s; a connection without replies is made anew
RETRY_PAUSE: Final = 0.05  # s; between attempts at something that fails at once
TICK: Final = 0.05  # s; how exactly patience is measured
REPLICA_TIMEOUT: Final = 1000  # ms; a replica that takes longer has not got it
MOST_AT_ONCE: Final = 500  # scripts; nobody else's wait for long behind one node's
OLDEST: Final = (7, 0)  # of Redis, whose version Valkey tells as well

# what another attempt may find otherwise: the engine starts, moves, or is full
_PASSING: Final = (
    exceptions.AskError,  # and MOVED
    exceptions.ClusterError,
    exceptions.ConnectionError,  # such as LOADING
    exceptions.NoScriptError,
    exceptions.OutOfMemoryError,
    exceptions.ReadOnlyError,
    exceptions.TryAgainError,
)
_WRONG: Final = (exceptions.AuthenticationError, exceptions.ResponseError)  # as it is set up
_PASSING_WORDS: Final = ("BUSY", "MISCONF", "NOREPLICAS", "UNKILLABLE")

log = structlog.get_logger()

Reply = list[Any]
Argument = bytes | str | float


class WrongBackendError(SignalingError):
    """The engine is there, and cannot be used as it is set up."""


class AnswerError(SignalingError):
    """A script has refused; `verdict` is the word for why, `rest` what it says beside."""

    def __init__(self, verdict: str, rest: Reply) -> None:
        super().__init__(verdict)
        self.verdict = verdict
        self.rest = rest


class _Request:
    """A script with its arguments, on its way."""

    __slots__ = ("args", "expires_at", "is_probe", "reply", "script", "was_sent")

    def __init__(self, script: Script, args: Sequence[Argument], *, is_probe: bool) -> None:
        self.script = script
        self.args = args
        self.is_probe = is_probe  # it does no harm late, and tells what time it is there
        self.reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.expires_at = time.monotonic() + PATIENCE
        self.was_sent = False  # what it writes may have been written, by another connection


class Link:
    """Runs scripts on the engine that holds a cell.

    Args:
        location: where that is.
    """

    def __init__(self, location: Location) -> None:
        self._location = location
        self._tell: Callable[[bool], None] = lambda _is_there: None
        self._prefix = f"{{{location.cell}}}:"
        self._client: Redis | None = None
        self._replicas: int | None = None  # to wait for after a step; None: to be asked
        self._pending: list[_Request] = []
        self._sent: list[_Request] = []
        self._wanted = asyncio.Event()
        self._ticker: asyncio.TimerHandle | None = None
        self._ticked_at = 0.0
        self._pump: asyncio.Task[None] | None = None
        self._error = ""  # why the last attempt failed
        self._is_closing = False
        self._is_missed = False  # its absence was told
        self._is_in_doubt = False  # a reply was lost, and what it would have told
        self.is_away = True
        self.figures = EngineFigures(SCRIPTS)
        self.offset: float | None = None  # the engine's time less `time.monotonic`

    async def start(self, tell: Callable[[bool], None]) -> None:
        """Connect, if the engine is there.

        `tell` is called with False when it does not answer, with True once it does again,
        and also when replies have been lost.

        Raises:
            WrongBackendError: it is there, and cannot be used.
        """
        self._tell = tell
        try:
            client = await self._connect()
            await _inspect(client, self._prefix)
        except (WrongBackendError, *_WRONG) as error:
            await self._disconnect()
            raise WrongBackendError(str(error)) from error
        except (exceptions.RedisError, OSError) as error:
            self._miss(type(error).__name__)
        self._pump = asyncio.create_task(self._carry_all())

    async def close(self) -> None:
        """Carry what is on its way, and no more."""
        self._is_closing = True
        self._wanted.set()
        if self._pump is not None:
            await asyncio.wait([self._pump])  # nobody waits for anything longer than PATIENCE
        if self._ticker is not None:
            self._ticker.cancel()
        await self._disconnect()

    async def run(self, name: str, *args: Argument, is_probe: bool = False) -> Reply:
        """Run a script; returns what is behind the "OK" of its reply.

        Raises:
            BackendAwayError: there is no reply in time.
            AnswerError: the reply is not "OK".
        """
        self.figures.scripts[name] += 1
        if self._is_closing or (self.is_away and not is_probe):
            self.figures.unanswered += 1
            raise BackendAwayError
        request = _Request(SCRIPTS[name], args, is_probe=is_probe)
        self._pending.append(request)
        self._wanted.set()
        if self._ticker is None:
            self._ticked_at = time.monotonic()
            self._ticker = asyncio.get_running_loop().call_later(TICK, self._tick)
        verdict, *rest = await request.reply
        if verdict != b"OK":
            raise AnswerError(verdict.decode(), rest)
        return rest

    def count_replicas(self) -> None:
        """Before the next script, look how many replicas there are: they come and go."""
        self._replicas = None

    # carrying

    async def _carry_all(self) -> None:
        while self._pending or not self._is_closing:
            await self._wanted.wait()
            self._wanted.clear()
            while self._pending:
                self._fill()
                await self._carry()

    def _fill(self) -> None:
        """Take what was asked for, in its order."""
        room = MOST_AT_ONCE - len(self._sent)
        self._sent += self._pending[:room]
        del self._pending[:room]

    async def _carry(self) -> None:
        """Send what is wanted until all of it has its reply, or was given up."""
        while self._sent:
            if not await self._attempt():
                self.figures.failures += 1
                await asyncio.sleep(RETRY_PAUSE)
            self._sent = [request for request in self._sent if not request.reply.done()]
            if self._sent:  # whatever came meanwhile goes with the next attempt
                self._fill()

    async def _attempt(self) -> bool:
        """Send once; returns whether every reply came."""
        try:
            client = self._client or await self._connect()
            if self._replicas is None:
                self._replicas = await _connected_replicas(client, self._location.replicas)
            replies = await self._execute(client, self._sent, self._replicas)
        except (exceptions.RedisError, OSError) as error:
            self._error = type(error).__name__
            self._is_in_doubt = True
            await self._disconnect()
            return False
        except Exception as error:  # whoever waits is told in time, and others go on
            log.exception("link_failed")
            self._error = type(error).__name__
            return False
        if replies is None:
            self._is_in_doubt = True
            return False
        settled = [self._settle(*each) for each in zip(self._sent, replies, strict=True)]
        if all(settled):
            self._reassure()
            return True
        await self._disconnect()  # whoever says so may not be the one to ask
        return False

    async def _execute(
        self, client: Redis, requests: Sequence[_Request], replicas: int
    ) -> Reply | None:
        """The replies in order; None if too few replicas have what was written."""
        pipeline = client.pipeline(transaction=False)
        for request in requests:
            give_up_at = float("inf")
            if self.offset is not None and not request.is_probe:
                give_up_at = request.expires_at + self.offset
            pipeline.evalsha(request.script.sha, 1, self._prefix, repr(give_up_at), *request.args)
        if replicas:
            if any(request.was_sent for request in requests):
                pipeline.set(f"{self._prefix}sync", "")  # WAIT looks at what this connection wrote
            pipeline.execute_command("WAIT", replicas, REPLICA_TIMEOUT)
        for request in requests:
            request.was_sent = True
        sent_at = time.monotonic()
        replies: Reply = await pipeline.execute(raise_on_error=False)
        self.figures.round_trips.observe(time.monotonic() - sent_at)
        if not replicas:
            return replies
        have_it = replies.pop()
        del replies[len(requests) :]
        if isinstance(have_it, int) and have_it >= replicas:
            return replies
        self._error, self._replicas = "TooFewReplicas", None
        return None

    def _settle(self, request: _Request, reply: Any) -> bool:
        """Let whoever waits have the reply; returns whether it is one."""
        if isinstance(reply, Exception):
            if isinstance(reply, _PASSING) or str(reply).startswith(_PASSING_WORDS):
                self._error = type(reply).__name__
                return False
            if not request.reply.done():
                request.reply.set_exception(reply)
        elif not request.reply.done():
            if reply[0] == b"LATE":
                request.reply.set_exception(BackendAwayError())
            else:
                self._is_back()
                request.reply.set_result(reply)
        return True

    # the connection

    async def _connect(self) -> Redis:
        client = await self._location.find(socket_timeout=SOCKET_TIMEOUT)
        try:
            pipeline = client.pipeline(transaction=False)
            for script in SCRIPTS.values():
                pipeline.script_load(script.source)
            await pipeline.execute()
        except BaseException:
            await client.aclose()
            raise
        self._client, self._replicas = client, None
        return client

    async def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    # patience

    def _tick(self) -> None:
        """Give up what has waited too long."""
        now = time.monotonic()
        is_late_itself, self._ticked_at = now - self._ticked_at > 4 * TICK, now
        if is_late_itself:  # the process stood still: what has arrived is to be read first
            self._ticker = asyncio.get_running_loop().call_later(TICK, self._tick)
            return
        late = [one for one in [*self._sent, *self._pending] if one.expires_at <= now]
        if any(not one.reply.done() for one in late):
            self._is_lost()
            self._give_up(late)
        waits = any(not one.reply.done() for one in [*self._sent, *self._pending])
        self._ticker = asyncio.get_running_loop().call_later(TICK, self._tick) if waits else None

    def _give_up(self, requests: Sequence[_Request]) -> None:
        for request in requests:
            if not request.reply.done():
                self.figures.unanswered += 1
                request.reply.set_exception(BackendAwayError())

    def _is_lost(self) -> None:
        if not self.is_away:
            self.is_away = True
            self.figures.lost()
            self._miss(self._error or "no reply")

    def _miss(self, error: str) -> None:
        self._is_missed = True
        log.error("backend_away", error=error)
        self._tell(False)  # noqa: FBT003 - a state

    def _reassure(self) -> None:
        """Replies come again: whoever relies on them looks at what may have been missed."""
        if self._is_in_doubt and not self.is_away:
            self._is_in_doubt = False
            self._tell(True)  # noqa: FBT003 - a state

    def _is_back(self) -> None:
        if self.is_away:
            self.is_away, self._error = False, ""
            self.figures.found()
            if self._is_missed:
                self._is_missed = False
                log.info("backend_back")
            self._tell(True)  # noqa: FBT003 - a state


async def _connected_replicas(client: Redis, most: int) -> int:
    """How many replicas a step waits for: those that are there, at most as many as were asked."""
    if not most:
        return 0
    told: Iterable[Any] = (await client.info("replication")).values()
    # one that still gets its first copy confirms nothing
    online = [each for each in told if isinstance(each, dict) and each.get("state") == "online"]
    return min(most, len(online))


async def _inspect(client: Redis, prefix: str) -> None:
    """Look at how the engine is set up, and warn of what loses data.

    Raises:
        WrongBackendError: it is too old.
        redis.exceptions.ResponseError: it does not allow all that a node does.
    """
    await client.blmpop(0.001, 1, f"{prefix}hints:", direction="LEFT")
    info = await client.info("everything")
    version = tuple(int(part) for part in str(info["redis_version"]).split(".")[:2])
    if version < OLDEST:
        raise WrongBackendError(f"Redis {info['redis_version']} is too old: 7.0 is needed")
    if not int(info["aof_enabled"]):
        log.warning("backend_risk", setting="appendonly no", risk="a restart forgets all calls")
    if int(info["maxmemory"]) and info["maxmemory_policy"] != "noeviction":
        policy = f"maxmemory-policy {info['maxmemory_policy']}"
        log.warning("backend_risk", setting=policy, risk="calls may vanish; noeviction is needed")
