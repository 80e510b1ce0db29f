"""A load process that opens streams, says so, and holds them until its input ends.

Ten thousand clients don't fit in one event loop beside a measurement; a few of
these hold them. `held` starts them.
"""

import argparse
import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import uvloop

from benchmarks.device import opened
from benchmarks.pairs import connected_pairs
from benchmarks.plan import STALL_TIMEOUT, STREAMS_PER_CONNECTION, STREAMS_PER_HOLDER
from benchmarks.servers import BenchmarkError, Server

_READY: Final = b"ready\n"


@asynccontextmanager
async def held(
    server: Server, *, idle_devices: int = 0, calls: int = 0, first: int = 0, over_web: bool = False
) -> AsyncIterator[None]:
    """Hold idle devices, each on its own connection, and live calls, a hundred streams on each.

    With `over_web` each stream is a WebSocket. `first` numbers the devices, so that one block
    can add to another.

    Raises:
        BenchmarkError: a stream did not open in time.

    """
    numbered = ["--numbered"] if server.is_service else []
    jobs = [
        [
            "--first",
            str(first + start),
            "--idle",
            str(min(STREAMS_PER_HOLDER, idle_devices - start)),
        ]
        for start in range(0, idle_devices, STREAMS_PER_HOLDER)
    ]
    pairs = STREAMS_PER_HOLDER // 2
    jobs += [["--calls", str(min(pairs, calls - start))] for start in range(0, calls, pairs)]
    async with AsyncExitStack() as stack:
        for job in jobs:  # one after the other: together they would only fight for the core
            address = server.web_address if over_web else server.address
            await stack.enter_async_context(_holder([address, *numbered, *job]))
        yield


@asynccontextmanager
async def _holder(arguments: Sequence[str]) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.holder",
        *arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    if process.stdin is None or process.stdout is None:
        raise AssertionError("both are pipes")
    try:
        async with asyncio.timeout(STALL_TIMEOUT):
            if await process.stdout.readline() != _READY:
                raise BenchmarkError("the idle streams did not open")
        yield
    finally:
        process.kill()
        await process.wait()


async def _hold(address: str, first: int, idle: int, calls: int, *, numbered: bool) -> None:
    users = [f"idle-{index}" for index in range(first, first + idle)]
    async with (
        opened(address, users, numbered=numbered),
        connected_pairs(address, calls, numbered=numbered, per_connection=STREAMS_PER_CONNECTION),
    ):
        sys.stdout.buffer.write(_READY)
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    """Hold what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--idle", type=int, default=0)
    parser.add_argument("--calls", type=int, default=0)
    parser.add_argument("--numbered", action="store_true")
    given = parser.parse_args()
    uvloop.run(_hold(given.address, given.first, given.idle, given.calls, numbered=given.numbered))


if __name__ == "__main__":
    main()
