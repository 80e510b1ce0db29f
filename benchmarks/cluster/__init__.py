"""What it costs that several nodes are one service: a shared engine instead of a node's memory.

Nodes and engine share the servers' core and the load has the other: CPU is the
truth, and messages a second are those of this arrangement.
"""

from typing import Final

from benchmarks.bench import Bench
from benchmarks.cluster import acts, holding, relaying
from benchmarks.figures import Figure

SECTION: Final = "cluster"


async def measure(bench: Bench) -> list[Figure]:
    """Return the cost of a candidate, of each act of a call, and of what lies there."""
    return [
        *await relaying.measure(bench, SECTION),
        *await acts.measure(bench, SECTION),
        *await holding.measure(bench, SECTION),
    ]
