"""Starts the workers, replaces those that die, and passes on that they should stop."""

import asyncio
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import structlog

from signaling_service.config import Settings
from signaling_service.process import Stop
from signaling_service.workers.port import reserved
from signaling_service.workers.worker import Worker

COMMAND: Final = (sys.executable, "-m", "signaling_service.workers")
STEADY: Final = 10.0  # s; who has lived so long did not die of how it starts
LONGEST_PAUSE: Final = 30.0  # s; then one that cannot start costs a thirtieth of a core
OVERDUE: Final = 10.0  # s; a worker that takes so much longer than it should hangs

_SIGNALS: Final = {number.value: number.name for number in signal.Signals}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Ending:
    """How a worker, or all of them, ended: the exit code, and the settings that are wrong."""

    code: int
    complaints: Sequence[str] = ()


def supervise(settings: Settings, options: Mapping[str, Any]) -> Ending:
    """Run the workers, with `options`, until SIGTERM.

    Raises:
        SettingError: the address cannot be listened on.
    """

    async def run(address: str) -> Ending:
        stop = Stop()
        stop.on_signals()
        return await Supervisor(settings, {**options, "listen": address}, stop).run()

    with reserved(settings) as address:
        return asyncio.run(run(address))


class Supervisor:
    """Keeps as many workers alive as the settings say."""

    def __init__(
        self,
        settings: Settings,
        options: Mapping[str, Any],
        stop: Stop,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._settings = settings
        self._options = options
        self._command = command
        self._stop = stop
        self._workers: dict[int, Worker] = {}  # those that are alive
        self._have_served: set[int] = set()
        self._failure: Ending | None = None  # of the start

    async def run(self) -> Ending:
        """Start all workers; return when they have stopped, or one cannot start."""
        stopping = asyncio.create_task(self._pass_on())
        seats = [self._keep(number) for number in range(self._settings.workers)]
        codes = await asyncio.gather(*seats)
        stopping.cancel()
        return self._failure or Ending(int(any(codes)))

    async def _keep(self, number: int) -> int:
        """Keep a worker alive until all should stop; returns the exit code of the last."""
        clock = asyncio.get_running_loop().time
        early_deaths = 0
        while True:
            began = clock()
            ending = await self._live(number)
            if self._cannot_start(number, ending):
                self._give_up(ending)
            if self._stop.drain.is_set():
                return ending.code
            early_deaths = early_deaths + 1 if clock() - began < STEADY else 1
            await self._mourn(number, ending, pause(early_deaths))
            if self._stop.drain.is_set():
                return 0

    async def _live(self, number: int) -> Ending:
        """The life of a worker."""
        try:
            worker = await Worker.start(self._command, number, self._options)
        except OSError as error:
            return Ending(1, [str(error)])
        self._workers[number] = worker
        self._tell(worker)
        reply = await worker.reply()
        if "serving" in reply:
            self._count(number, reply["serving"])
        code = await worker.ended()
        del self._workers[number]
        return Ending(code, reply.get("refused", ()))

    def _count(self, number: int, address: str) -> None:
        """Say so when all serve for the first time."""
        is_start = not self._all_have_served
        self._have_served.add(number)
        if is_start and self._all_have_served and not self._stop.drain.is_set():
            log.info("serving", address=address, workers=self._settings.workers)

    @property
    def _all_have_served(self) -> bool:
        return len(self._have_served) == self._settings.workers

    def _cannot_start(self, number: int, ending: Ending) -> bool:
        """Whether a worker gave up by itself before the service has ever worked."""
        has_begun = number in self._have_served or self._all_have_served
        return ending.code > 0 and not has_begun and not self._stop.drain.is_set()

    def _give_up(self, ending: Ending) -> None:
        self._failure = ending
        self._stop.drain.set()
        self._stop.hurry.set()

    async def _mourn(self, number: int, ending: Ending, seconds: float) -> None:
        """Log a death, and wait before there is a successor."""
        log.warning("worker_died", worker=number, **_cause(ending), again_in=seconds)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.drain.wait(), seconds)

    async def _pass_on(self) -> None:
        """Tell the workers to stop when it is time, and end those that do not."""
        await self._stop.drain.wait()
        self._tell(*self._workers.values())
        with suppress(TimeoutError):
            overdue = self._settings.drain_deadline + OVERDUE
            await asyncio.wait_for(self._stop.hurry.wait(), overdue)
        self._stop.hurry.set()
        self._tell(*self._workers.values())
        await asyncio.sleep(OVERDUE)
        for worker in self._workers.values():
            worker.kill()

    def _tell(self, *workers: Worker) -> None:
        """Tell them what all are asked for, if anything."""
        words = {"drain": self._stop.drain, "hurry": self._stop.hurry}
        for worker in workers:
            for word, event in words.items():
                if event.is_set():
                    worker.tell(word)


def _cause(ending: Ending) -> dict[str, Any]:
    cause: dict[str, Any] = {"exit_code": ending.code}
    if ending.code < 0:
        cause = {"signal": _SIGNALS.get(-ending.code, str(-ending.code))}
    return {**cause, "error": ending.complaints} if ending.complaints else cause


def pause(early_deaths: int) -> float:
    """How long a worker that has died stays away, by how often it did so soon; seconds."""
    return 0.0 if early_deaths < 2 else min(2.0 ** (early_deaths - 2), LONGEST_PAUSE)  # noqa: PLR2004 - once is an accident
