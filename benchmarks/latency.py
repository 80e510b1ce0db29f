"""How long a message takes from device to device at a moderate, even load."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from statistics import median, quantiles
from typing import Final

from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.pairs import connected_pairs
from benchmarks.plan import CALLS_IN_PARALLEL, LATENCY_MESSAGES_PER_SECOND
from benchmarks.rounds import MICROSECONDS, latencies
from benchmarks.servers import Kind

SECTION: Final = "latency"
_PERCENTILES: Final = (50, 99)


async def measure(bench: Bench) -> list[Figure]:
    """Return both servers' one-way latency, and what the service adds to the relay's."""
    async with AsyncExitStack() as stack:
        takes = {}
        for kind in (Kind.RELAY, Kind.SERVICE):
            server = stack.enter_context(bench.server(kind))
            calls = connected_pairs(server.address, CALLS_IN_PARALLEL, numbered=server.is_service)
            pairs = await stack.enter_async_context(calls)
            takes[kind] = partial(latencies, pairs, bench.plan.latency_seconds)
        taken = await bench.alternate("latency", takes)
    figures = []
    for percent in _PERCENTILES:
        service = [_percentile(round_, percent) for round_ in taken[Kind.SERVICE]]
        relay = [_percentile(round_, percent) for round_ in taken[Kind.RELAY]]
        name = f"p{percent} one way at {LATENCY_MESSAGES_PER_SECOND} messages/s"
        figures.append(_figure(name, service, relay))
        added = median(service) - median(relay)
        figures.append(_figure(f"p{percent} added by the service", [added]))
    return figures


def _percentile(seconds: Sequence[float], percent: int) -> float:
    return quantiles(seconds, n=100, method="inclusive")[percent - 1] * MICROSECONDS


def _figure(name: str, rounds: list[float], relay: Sequence[float] = ()) -> Figure:
    return Figure(
        section=SECTION,
        name=name,
        unit="µs",
        rounds=rounds,
        compared_with="relay" if relay else None,
        compared_rounds=relay,
    )
