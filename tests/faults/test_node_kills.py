"""Nodes that die while calls go on."""

import asyncio

import pytest

from tests.faults.cluster import Cluster, busy
from tests.faults.profile import seeds
from tests.faults.traffic import Traffic

NODES = 3
KILLS = 15
MOST_MESSAGES = 100  # until the next kill
AT_ONCE = (1, 1, 1, 2, 3)  # so many nodes die at the same time


@pytest.mark.parametrize("seed", seeds(rounds=20))
async def test_calls_survive_their_nodes(seed: int) -> None:
    """Nodes are killed at any moment: nothing is lost or doubled, new calls work at once."""
    async with busy(NODES, seed, "nodes killed") as (service, calls):
        counts = calls.ledger.counts
        while counts["kills"] < KILLS:
            await calls.ledger.hears(calls.random.randint(1, MOST_MESSAGES))
            await kill_some(service, calls)


async def kill_some(service: Cluster, calls: Traffic) -> None:
    """Kill nodes, see that the others serve, start them again, and see that they serve too."""
    places = calls.random.sample(service.nodes.places, NODES)
    dead = places[: calls.random.choice(AT_ONCE)]
    alive = places[len(dead) :]
    for place in dead:
        await place.kill()
        calls.ledger.note("", f"{place.address} is killed", "kills")
    async with asyncio.TaskGroup() as group:
        for place in dead:
            group.create_task(place.start())
        if alive:
            await calls.new_call(alive[0].address, alive[-1].address)
    await calls.new_call(dead[0].address, places[-1].address)
