"""A load process that holds many devices and does to all of them at once what it is told.

It reads a word a line, and answers each with a line of JSON: `come`, then `storm` any
number of times, then `leave`. `crowd` starts some of these and is told what they say.
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import psutil
import uvloop
from grpc import aio

from benchmarks.plan import STALL_TIMEOUT, STREAMS_PER_CONNECTION, STREAMS_PER_HOLDER
from benchmarks.servers import BenchmarkError
from benchmarks.storm.member import Member

_NICE: Final = 5  # the calls beside share its core, and their times are what is measured
_COMING_AT_ONCE: Final = 64  # in the beginning, which is no storm
_CONNECTION: Final = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
)
_REPLY_BYTES: Final = 1 << 20

Reply = dict[str, Any]


class Crowd:
    """Processes with devices, which all do the same at the same time."""

    def __init__(self, processes: Sequence[asyncio.subprocess.Process]) -> None:
        self._processes = processes

    async def does(self, word: str) -> list[Reply]:
        """Tell every process, and return what each answers once it has done it.

        Raises:
            BenchmarkError: one of them failed, or takes longer than `STALL_TIMEOUT`.

        """
        return await asyncio.gather(*(_tell(process, word) for process in self._processes))


@asynccontextmanager
async def crowd(address: str, devices: int) -> AsyncIterator[Crowd]:
    """Connect so many devices, and hold them for as long as the block lasts."""
    async with AsyncExitStack() as stack:
        processes = []
        for first in range(0, devices, STREAMS_PER_HOLDER):
            count = min(STREAMS_PER_HOLDER, devices - first)
            started = _process([address, str(first), str(count)])
            processes.append(await stack.enter_async_context(started))
            await _tell(processes[-1], "come")
        yield Crowd(processes)


@asynccontextmanager
async def _process(arguments: Sequence[str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "benchmarks.storm.crowd", *arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        limit=_REPLY_BYTES,
    )
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


async def _tell(process: asyncio.subprocess.Process, word: str) -> Reply:
    if process.stdin is None or process.stdout is None:
        raise AssertionError("both are pipes")
    process.stdin.write(f"{word}\n".encode())
    try:
        async with asyncio.timeout(STALL_TIMEOUT):
            line = await process.stdout.readline()
    except TimeoutError:
        raise BenchmarkError(f"a crowd does not {word}") from None
    if not line:
        raise BenchmarkError(f"a crowd ended when it was to {word}")
    return dict(json.loads(line))


class _Devices:
    """The devices of one process, a hundred on a connection."""

    def __init__(self, address: str, first: int, count: int) -> None:
        self._address = address
        self._members = [Member(f"crowd-{number}") for number in range(first, first + count)]
        self._channels: list[aio.Channel] = []
        self._listening: list[asyncio.Task[None]] = []

    async def come(self) -> Reply:
        """Connect one after the other, nearly."""
        self._dial()
        slots = asyncio.Semaphore(_COMING_AT_ONCE)

        async def one(index: int) -> None:
            async with slots:
                await self._connect(index)

        await asyncio.gather(*(one(index) for index in range(len(self._members))))
        return {}

    async def storm(self) -> Reply:
        """Cut every connection and have all devices come back at once."""
        for member in self._members:
            member.refused.clear()
        before = self._channels
        _cut(self._address)
        began = time.monotonic()
        await asyncio.wait(self._listening)
        self._dial()
        await asyncio.gather(*(self._connect(index) for index in range(len(self._members))))
        ended = time.monotonic()
        for channel in before:
            await channel.close()
        return {
            "began": began,
            "ended": ended,
            "resumed": sum(member.is_resumed for member in self._members),
            "refused": Counter(status for member in self._members for status in member.refused),
        }

    async def leave(self) -> Reply:
        """Wait to be told to leave, and leave when told."""
        await asyncio.gather(*(member.told.wait() for member in self._members))
        told = time.monotonic()
        statuses = await asyncio.gather(*(member.status for member in self._members))
        return {
            "told": told,
            "left": time.monotonic(),
            "waits": [member.reconnect_after for member in self._members],
            "statuses": Counter(statuses),
        }

    def _dial(self) -> None:
        count = -(-len(self._members) // STREAMS_PER_CONNECTION)
        self._channels = [aio.insecure_channel(self._address, _CONNECTION) for _ in range(count)]
        self._listening = []

    async def _connect(self, index: int) -> None:
        member = self._members[index]
        await member.comes(lambda: self._channels[index // STREAMS_PER_CONNECTION])
        self._listening.append(asyncio.create_task(member.listens()))


def _cut(address: str) -> None:
    """Break every connection to `address`, as a network does: without a word of HTTP/2."""
    port = int(address.rpartition(":")[2])
    for connection in psutil.Process().net_connections("tcp"):
        if connection.raddr and connection.raddr.port == port:
            with socket.socket(fileno=os.dup(connection.fd)) as twin:
                twin.shutdown(socket.SHUT_RDWR)


async def _serve(address: str, first: int, count: int) -> None:
    devices = _Devices(address, first, count)
    while word := (await asyncio.to_thread(sys.stdin.readline)).strip():
        reply = await getattr(devices, word)()
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


def main() -> None:
    """Hold what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int)
    given = parser.parse_args()
    os.nice(_NICE)
    uvloop.run(_serve(given.address, given.first, given.count))


if __name__ == "__main__":
    main()
