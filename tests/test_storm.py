"""Many devices that lose their connections in one instant come back in one go."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Sequence

import pytest

from benchmarks.pairs import open_pairs
from benchmarks.plan import STREAMS_PER_CONNECTION
from benchmarks.storm.calling import calling
from benchmarks.storm.crowd import crowd
from tests.transport.node import Node, running
from tests.valkey import Valkey

DEVICES = 300
PAIRS = 10
INTERVAL = 0.1  # s; from one call of a pair to its next
DEADLINE = 2.0  # s; of the drain
UNHURRIED = {  # pairs call far more often than people do
    f"SIGNALING_LIMIT_{name}_{unit}": "10000"
    for name in ("OFFERS", "CANDIDATES", "OTHERS")
    for unit in ("PER_SECOND", "BURST")
}


@pytest.mark.parametrize("backend", ["memory", "redis"])
async def test_storm_and_drain(backend: str, valkey: Valkey) -> None:
    """All sessions go on, calls beside lose nothing, and a drain spreads who leaves."""
    url = valkey.url + "?cell=storm" if backend == "redis" else backend
    options = ("--drain-deadline", str(DEADLINE))
    async with running(*options, SIGNALING_BACKEND=url, **UNHURRIED) as node:
        async with crowd(node.address, DEVICES) as members:
            async with (
                open_pairs(
                    node.address, PAIRS, numbered=True, per_connection=STREAMS_PER_CONNECTION
                ) as pairs,
                calling(pairs, INTERVAL) as calls,
            ):
                (storm,) = await members.does("storm")
            assert (storm["resumed"], storm["refused"]) == (DEVICES, {})
            assert calls.between(storm["began"], storm["ended"])

            leaving = asyncio.create_task(members.does("leave"))
            node.terminate()
            (left,) = await leaving

        assert left["statuses"] == Counter(OK=DEVICES)
        assert_spread(left["waits"])
        assert await node.exits() == 0


async def test_more_than_grpc_holds_by_default() -> None:
    """Thousands of streams that begin at once are begun, none is cancelled."""
    devices = 2_500
    async with running() as node, crowd(node.address, devices) as members:
        (storm,) = await members.does("storm")

        assert (storm["resumed"], storm["refused"]) == (devices, {})
        await is_whole(node)


def assert_spread(waits: Sequence[float]) -> None:
    """Every wait is its own, at even distances, from the first to four fifths of the deadline."""
    gaps = [later - earlier for earlier, later in itertools.pairwise(sorted(waits))]
    even = 0.8 * DEADLINE / DEVICES
    assert max(waits) < 0.8 * DEADLINE
    assert all(0 < gap < 2 * even for gap in gaps)


async def is_whole(node: Node) -> None:
    """It has logged no mistake."""
    assert [line for line in node.log if line["level"] == "error"] == []
