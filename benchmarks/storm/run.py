"""A storm and a drain: what everybody saw of them."""

import asyncio
import signal
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass

from benchmarks.pairs import open_pairs
from benchmarks.plan import STREAMS_PER_CONNECTION
from benchmarks.servers import Server
from benchmarks.storm.calling import Calls, calling
from benchmarks.storm.crowd import Crowd, Reply, crowd


@dataclass(frozen=True)
class Amounts:
    """How much goes on: devices that come back, how often, and pairs that call beside."""

    devices: int
    storms: int
    pairs: int
    quiet_seconds: float


@dataclass(frozen=True)
class Storm:
    """How one storm went; times in seconds."""

    seconds: float  # from the cut until the last device was back
    resumed: int
    refused: Counter[str]  # hellos, by status; each was tried again
    setups: list[float]  # of the calls that began meanwhile


@dataclass(frozen=True)
class Drain:
    """How a drain went; times in seconds from SIGTERM."""

    told: float  # until the last device was told
    waits: list[float]  # that devices were given, in no order
    statuses: Counter[str]  # how their streams ended
    left: float  # until the last one was gone
    exited: float
    exit_code: int


@dataclass(frozen=True)
class Seen:
    """All of a run."""

    quiet: list[float]  # set-up times of calls while nothing else happened
    storms: list[Storm]
    drain: Drain


async def run(server: Server, amounts: Amounts) -> Seen:
    """Let storms go over a server, and drain it.

    Raises:
        BenchmarkError: a call beside was refused or has lost a message, or a device is stuck.

    """
    async with AsyncExitStack() as stack:
        members = await stack.enter_async_context(crowd(server.address, amounts.devices))
        async with (
            open_pairs(
                server.address,
                amounts.pairs,
                numbered=True,
                per_connection=STREAMS_PER_CONNECTION,
            ) as pairs,
            calling(pairs) as calls,
        ):
            quiet = await _quiet(calls, amounts.quiet_seconds)
            storms = []
            for _ in range(amounts.storms):
                storms.append(await _storm(members, calls))
                await _quiet(calls, amounts.quiet_seconds / amounts.storms)
        return Seen(quiet, storms, await _drain(server, members))


async def _quiet(calls: Calls, seconds: float) -> list[float]:
    began = time.monotonic()
    await asyncio.sleep(seconds)
    return calls.between(began, time.monotonic())


async def _storm(members: Crowd, calls: Calls) -> Storm:
    replies = await members.does("storm")
    began = min(reply["began"] for reply in replies)
    ended = max(reply["ended"] for reply in replies)
    return Storm(
        ended - began,
        sum(reply["resumed"] for reply in replies),
        _counted(replies, "refused"),
        calls.between(began, ended),
    )


async def _drain(server: Server, members: Crowd) -> Drain:
    leaving = asyncio.create_task(members.does("leave"))
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    exit_code = await asyncio.to_thread(server.process.wait)
    exited = time.monotonic()
    replies = await leaving
    return Drain(
        max(reply["told"] for reply in replies) - began,
        [wait for reply in replies for wait in reply["waits"]],
        _counted(replies, "statuses"),
        max(reply["left"] for reply in replies) - began,
        exited - began,
        int(exit_code),
    )


def _counted(replies: list[Reply], name: str) -> Counter[str]:
    return sum((Counter[str](reply[name]) for reply in replies), Counter[str]())
