"""One round of load on one server, and what it cost that server."""

import asyncio
import time
from collections.abc import Sequence
from itertools import cycle

from signaling.v1 import signaling_pb2 as pb

from benchmarks import messages
from benchmarks.device import Device
from benchmarks.pairs import Pair
from benchmarks.plan import LATENCY_MESSAGES_PER_SECOND, STALL_TIMEOUT, WINDOW
from benchmarks.servers import Server

MICROSECONDS = 1e6


async def candidate_cpu(
    server: Server, pairs: Sequence[Pair], count: int, per_message: int, standing_cpu: float = 0.0
) -> float:
    """Return the CPU of one relayed candidate, in microseconds.

    Every caller sends its share of `count` messages, with `WINDOW` of them under
    way: as fast as the load can, the same way to any server. `standing_cpu` is
    what the server spends without them, in seconds per second: it is taken off.
    """
    spent, started = server.cpu_seconds(), time.monotonic()
    messages_sent = await flood(pairs, count, per_message)
    standing = standing_cpu * (time.monotonic() - started)
    spent = server.cpu_seconds() - spent - standing
    return spent / (messages_sent * per_message) * MICROSECONDS


async def flood(
    pairs: Sequence[Pair], count: int, per_message: int, *, both_ways: bool = False
) -> int:
    """Send each caller's share of `count` messages; return how many that were, once all arrived.

    `both_ways` has callees send a share as well, at the same time.
    """
    ways = [
        way
        for pair in pairs
        for way in ((pair.sides[0], pair.callee), (pair.sides[1], pair.caller))[: 1 + both_ways]
    ]
    share = count // len(ways)
    async with asyncio.timeout(STALL_TIMEOUT), asyncio.TaskGroup() as group:
        for (sender, call_id, ufrag), peer in ways:
            request = messages.candidates(call_id, ufrag, per_message)
            group.create_task(_flood(sender, request, peer, share))
    return share * len(ways)


async def _flood(sender: Device, request: pb.ConnectRequest, peer: Device, count: int) -> None:
    """Send a message `count` times to the peer; return when all arrived."""
    window = asyncio.Semaphore(WINDOW)
    peer.on_message = lambda _: window.release()
    for _ in range(count):
        await window.acquire()
        await sender.send(request)
    for _ in range(WINDOW):
        await window.acquire()
    peer.on_message = peer.inbox.put_nowait


async def call_cpu(
    server: Server, pairs: Sequence[Pair], calls_per_pair: int, per_message: int
) -> float:
    """Return the CPU of one whole call, in microseconds; the pairs call in parallel."""
    spent = server.cpu_seconds()
    async with asyncio.timeout(STALL_TIMEOUT), asyncio.TaskGroup() as group:
        for pair in pairs:
            group.create_task(_calls(pair, calls_per_pair, per_message))
    spent = server.cpu_seconds() - spent
    return spent / (calls_per_pair * len(pairs)) * MICROSECONDS


async def _calls(pair: Pair, count: int, per_message: int) -> None:
    for _ in range(count):
        await pair.dial()
        await pair.trickle(per_message)
        await pair.connect()
        await pair.hang_up()


async def latencies(pairs: Sequence[Pair], seconds: float) -> list[float]:
    """Return how long each message took from `send` to `on_message`, in seconds.

    One process holds both ends, so one clock reads both times. The messages are
    evenly spaced; a late one is sent at once and the schedule stays.
    """
    count = int(seconds * LATENCY_MESSAGES_PER_SECOND)
    arrivals = [_Arrivals(pair) for pair in pairs]
    started = time.perf_counter()
    for index, arrival in zip(range(count), cycle(arrivals), strict=False):
        due = started + index / LATENCY_MESSAGES_PER_SECOND
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        await arrival.send()
    async with asyncio.timeout(STALL_TIMEOUT):
        return [latency for arrival in arrivals for latency in await arrival.all()]


class _Arrivals:
    """The messages of one call: when they left, and how long they took."""

    def __init__(self, pair: Pair) -> None:
        self._caller, self._callee = pair.caller, pair.callee
        self._request = messages.candidates(pair.caller_call_id, messages.CALLER_UFRAG, 1)
        self._sent_at: list[float] = []
        self._latencies: list[float] = []
        self._arrived = asyncio.Event()
        pair.callee.on_message = self._on_message

    async def send(self) -> None:
        self._sent_at.append(time.perf_counter())
        await self._caller.send(self._request)

    async def all(self) -> list[float]:
        """Wait for the last one, give the inbox its messages back, return the latencies."""
        while len(self._latencies) < len(self._sent_at):
            self._arrived.clear()
            await self._arrived.wait()
        self._callee.on_message = self._callee.inbox.put_nowait
        return self._latencies

    def _on_message(self, _: pb.ConnectResponse) -> None:
        # order is kept, so the n-th arrival is the n-th message
        self._latencies.append(time.perf_counter() - self._sent_at[len(self._latencies)])
        self._arrived.set()
