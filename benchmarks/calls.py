"""What a whole call costs: offer, ringing, answer, candidates, connected, hangup."""

from contextlib import AsyncExitStack
from functools import partial
from typing import Final

from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.pairs import open_pairs
from benchmarks.plan import CALLS_IN_PARALLEL, CANDIDATES_PER_SIDE
from benchmarks.rounds import call_cpu
from benchmarks.servers import Kind

SECTION: Final = "calls"


async def measure(bench: Bench) -> list[Figure]:
    """Return the cost of a call whose candidates travel one by one, and all at once."""
    figures = []
    async with AsyncExitStack() as stack:
        loads = {}
        for kind in (Kind.RELAY, Kind.SERVICE):
            server = stack.enter_context(bench.server(kind))
            pairs = open_pairs(server.address, CALLS_IN_PARALLEL, numbered=server.is_service)
            loads[kind] = (server, await stack.enter_async_context(pairs))
        for per_message, how in ((1, "one by one"), (CANDIDATES_PER_SIDE, "in one message")):
            takes = {
                kind: partial(call_cpu, server, pairs, bench.plan.calls_per_pair, per_message)
                for kind, (server, pairs) in loads.items()
            }
            taken = await bench.alternate(f"calls, candidates {how}", takes)
            figures.append(
                Figure(
                    section=SECTION,
                    name=f"{CANDIDATES_PER_SIDE} candidates a side {how}",
                    unit="µs CPU a call",
                    rounds=taken[Kind.SERVICE],
                    compared_with="relay",
                    compared_rounds=taken[Kind.RELAY],
                )
            )
    return figures
