"""When to look at what is due: whatever a backend reminds of, and what its steps bring."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Final

import structlog

from signaling_service.backends.base import Backend, Due
from signaling_service.clock import Clock, Timer
from signaling_service.core.errors import BackendAwayError

SWEEP_RETRY: Final = 1.0  # s; the backend may be back

log = structlog.get_logger()


class Deadlines:
    """Asks a backend what is due, in time, and has it done: `fire` is given all of it.

    `start` it before use and `close` it after.
    """

    def __init__(
        self, backend: Backend, clock: Clock, fire: Callable[[Due], Awaitable[None]]
    ) -> None:
        self._backend = backend
        self._clock = clock
        self._fire = fire
        self._timer: Timer | None = None
        self._timer_at = float("inf")
        self._is_due = asyncio.Event()
        self._sweeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._sweeper = asyncio.create_task(self._sweep())
        if self._backend.sweep_interval is not None:
            self._is_due.set()

    async def close(self) -> None:
        """Fire no more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.wait([self._sweeper])

    def remind(self, when: float) -> None:
        """See to it that what is due at `when` is fired then."""
        if when >= self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = when
        self._timer = self._clock.call_later(max(when - self._clock.now(), 0), self._is_due.set)

    async def attempt(self, work: Coroutine[None, None, object]) -> None:
        """Do one thing that is due; what goes wrong with it keeps nothing else waiting."""
        try:
            await work
        except BackendAwayError:
            log.debug("sweep_interrupted")  # it is still due
        except Exception:
            log.exception("sweep_failed")

    async def _sweep(self) -> None:
        while True:
            await self._is_due.wait()
            self._is_due.clear()
            self._timer_at = float("inf")
            due = await self._due()
            await self._fire(due)
            if due.next_at is not None:
                self.remind(due.next_at)
            if self._backend.sweep_interval is not None:
                self.remind(self._clock.now() + self._backend.sweep_interval)

    async def _due(self) -> Due:
        try:
            return await self._backend.due()
        except BackendAwayError:
            return Due((), (), self._clock.now() + SWEEP_RETRY)
        except Exception:
            log.exception("sweep_failed")
            return Due((), (), self._clock.now() + SWEEP_RETRY)
