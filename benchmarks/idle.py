"""What a stream costs that does nothing: resident memory, each on its own connection."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from benchmarks.bench import Bench
from benchmarks.device import opened
from benchmarks.figures import Figure
from benchmarks.holder import held
from benchmarks.servers import Kind, Server

SECTION: Final = "idle"
_WARM_UP_STREAMS: Final = 20  # what the first streams allocate once is not theirs
_SETTLE_SECONDS: Final = 3.0
_KIB: Final = 1024


async def measure(bench: Bench) -> list[Figure]:
    """Return the memory of an idle stream, at each number of them."""
    counts, kib = bench.plan.idle_streams, {}
    for kind in (Kind.RELAY, Kind.SERVICE):
        with bench.server(kind) as server:
            kib[kind] = await kib_per_stream(bench, server, counts)
    return [
        Figure(
            section=SECTION,
            name=f"{count:,} idle streams",
            unit="KiB resident a stream",
            rounds=[kib[Kind.SERVICE][count]],
            compared_with="relay",
            compared_rounds=[kib[Kind.RELAY][count]],
        )
        for count in counts
    ]


async def kib_per_stream(
    bench: Bench, server: Server, counts: Sequence[int], *, over_web: bool = False
) -> dict[int, float]:
    """Open more and more streams on one server; return the memory of each, by their number."""
    address = server.web_address if over_web else server.address
    users = [f"warm-up-{index}" for index in range(_WARM_UP_STREAMS)]
    async with opened(address, users, numbered=server.is_service):
        pass
    await asyncio.sleep(_SETTLE_SECONDS)
    empty, held_now, kib = server.resident_bytes(), 0, {}
    async with AsyncExitStack() as stack:
        for count in counts:
            bench.say(f"{server.kind}: {count:,} idle streams")
            more = held(server, idle_devices=count - held_now, first=held_now, over_web=over_web)
            await stack.enter_async_context(more)
            held_now = count
            await asyncio.sleep(_SETTLE_SECONDS)
            kib[count] = (server.resident_bytes() - empty) / count / _KIB
    return kib
