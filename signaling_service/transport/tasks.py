"""Work that has to be done, whoever is cancelled."""

import asyncio
from collections.abc import Coroutine


async def to_its_end(work: Coroutine[None, None, None]) -> None:
    """Do `work` though this task is cancelled meanwhile: gRPC does when the device is lost."""
    task = asyncio.create_task(work)
    is_cancelled = False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            is_cancelled = True
    task.result()
    if is_cancelled:
        raise asyncio.CancelledError
