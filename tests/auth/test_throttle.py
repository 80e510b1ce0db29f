"""Who tries forged credentials waits longer and longer."""

import asyncio

from signaling_service.auth import throttle
from signaling_service.auth.throttle import FAILURES, MAX_DELAY, MAX_WAITING, Throttle
from signaling_service.core.buckets import Buckets, Rate
from signaling_service.core.errors import BackendAwayError
from tests.clock import ManualClock

HERE, THERE = "192.0.2.1", "192.0.2.2"


class Attempts:
    """Attempts whose answers come as the clock says."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._buckets: Buckets[str] = Buckets()
        self.is_away = False
        self.throttle = Throttle(self._take, clock)

    async def _take(self, bucket: str, rate: Rate, credit: float) -> float:
        if self.is_away:
            raise BackendAwayError
        return self._buckets.take(bucket, rate, self._clock.now(), credit)

    async def waits(self, address: str = HERE) -> float:
        """Try, and return how long the answer takes."""
        task = asyncio.create_task(self.throttle.hold(address))
        waited = 0.0
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        while not task.done():
            self._clock.advance(0.5)
            waited += 0.5
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return waited


async def test_growing_delay(clock: ManualClock) -> None:
    """Ten in half an hour are for free, then a second more each time, up to 25."""
    attempts = Attempts(clock)

    waits = [await attempts.waits() for _ in range(50)]

    assert waits[: int(FAILURES.burst)] == [0] * 10
    assert waits[10:14] == [1, 2, 3, 4]
    assert waits == sorted(waits)
    assert waits[-1] == MAX_DELAY
    assert attempts.throttle.held == 40


async def test_address_by_address(clock: ManualClock) -> None:
    """Others do not pay; and half an hour later it is forgotten."""
    attempts = Attempts(clock)
    for _ in range(11):
        await attempts.waits()

    assert await attempts.waits(THERE) == 0
    clock.advance(1800)
    assert await attempts.waits() == 0


async def test_bounded(clock: ManualClock) -> None:
    """No more than a thousand wait: who comes on top is answered at once."""
    attempts = Attempts(clock)
    for _ in range(10):
        await attempts.waits()
    waiting = [asyncio.create_task(attempts.throttle.hold(HERE)) for _ in range(MAX_WAITING)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert await attempts.waits() == 0
    clock.advance(throttle.MAX_DELAY)
    await asyncio.gather(*waiting)


async def test_backend_is_away(clock: ManualClock) -> None:
    """Nobody is counted then, and nobody comes in."""
    attempts = Attempts(clock)
    attempts.is_away = True

    assert [await attempts.waits() for _ in range(20)] == [0] * 20
