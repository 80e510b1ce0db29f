"""Waits for what another process does, which can only be asked for."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from redis.exceptions import RedisError

PATIENCE: Final = 30.0  # s; far more than anything takes, on a machine that is busy
_INTERVAL: Final = 0.01  # s


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Ask until `holds`; an engine that does not answer, or refuses, is asked again.

    Raises:
        TimeoutError: it did not within `PATIENCE`.
    """
    never = asyncio.Event()
    async with asyncio.timeout(PATIENCE):
        while not await _answers(holds):
            with suppress(TimeoutError):
                await asyncio.wait_for(never.wait(), _INTERVAL)


async def _answers(holds: Callable[[], Awaitable[bool]]) -> bool:
    try:
        return await holds()
    except RedisError:
        return False
