"""A node that is asked to stop, while calls go on."""

import asyncio

import pytest

from tests.faults.cluster import cluster
from tests.faults.nodes import Place
from tests.faults.profile import IS_LONG, SLACK, seeds
from tests.faults.run import traffic
from tests.faults.traffic import Load, Traffic

DEADLINE = 3.0  # s
DRAINS = 3 if IS_LONG else 1
# a device that takes a busy node for dead would not leave politely
LOAD = Load(pause=0.2, keepalive=False)


@pytest.mark.parametrize("seed", seeds(rounds=5))
async def test_draining_a_node_loses_nothing(seed: int) -> None:
    """Its devices go to the other node within the deadline, and it exits with 0."""
    async with (
        cluster(2, "--drain-deadline", str(DEADLINE)) as service,
        traffic(service.addresses, seed, "drain", LOAD) as calls,
    ):
        for _ in range(DRAINS):
            place, other = calls.random.sample(service.nodes.places, 2)
            if not on(place, calls):  # everybody left it when it drained
                place, other = other, place
            await drain(place, calls)
            await calls.new_call(place.address, other.address)
        assert calls.ledger.counts["drops"] == 0  # everybody had the time to leave


async def drain(place: Place, calls: Traffic) -> None:
    """Drain a node, and start it again when every device is elsewhere."""
    await calls.ledger.hears(100)
    counts = calls.ledger.counts
    leaving = on(place, calls)
    left = counts["left"]
    async with asyncio.timeout(DEADLINE + SLACK):
        assert await place.drains() == 0
    calls.ledger.note("", f"{place.address} has exited", "drains")
    await calls.ledger.until(lambda: all(phone.node for phone in calls.phones))
    assert counts["left"] - left == leaving > 0
    await place.start()


def on(place: Place, calls: Traffic) -> int:
    """How many devices have their stream there."""
    return sum(phone.node == place.address for phone in calls.phones)
