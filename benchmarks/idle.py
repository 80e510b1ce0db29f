"""What a stream costs that does nothing: resident memory, each on its own connection."""

import asyncio
from contextlib import AsyncExitStack
from typing import Final

from benchmarks.bench import Bench
from benchmarks.device import opened
from benchmarks.figures import Figure
from benchmarks.holder import held
from benchmarks.servers import Kind

SECTION: Final = "idle"
_WARM_UP_STREAMS: Final = 20  # what the first streams allocate once is not theirs
_SETTLE_SECONDS: Final = 3.0
_KIB: Final = 1024


async def measure(bench: Bench) -> list[Figure]:
    """Return the memory of an idle stream, at each number of them."""
    relay = await _kib_per_stream(bench, Kind.RELAY)
    service = await _kib_per_stream(bench, Kind.SERVICE)
    return [
        Figure(
            section=SECTION,
            name=f"{count:,} idle streams",
            unit="KiB resident a stream",
            rounds=[service[count]],
            compared_with="relay",
            compared_rounds=[relay[count]],
        )
        for count in bench.plan.idle_streams
    ]


async def _kib_per_stream(bench: Bench, kind: Kind) -> dict[int, float]:
    """Open more and more streams on one server; return the memory of each, by their number."""
    async with AsyncExitStack() as stack:
        server = stack.enter_context(bench.server(kind))
        users = [f"warm-up-{index}" for index in range(_WARM_UP_STREAMS)]
        async with opened(server.address, users, numbered=server.is_service):
            pass
        await asyncio.sleep(_SETTLE_SECONDS)
        empty, held_now = server.resident_bytes(), 0
        kib_per_stream = {}
        for count in bench.plan.idle_streams:
            bench.say(f"{kind}: {count:,} idle streams")
            more = held(server, idle_devices=count - held_now, first=held_now)
            await stack.enter_async_context(more)
            held_now = count
            await asyncio.sleep(_SETTLE_SECONDS)
            kib_per_stream[count] = (server.resident_bytes() - empty) / count / _KIB
        return kib_per_stream
