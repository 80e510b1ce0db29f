"""The engine is a primary and a replica: either dies, and nothing that counts is lost."""

import pytest

from tests.faults.nodes import Nodes
from tests.faults.profile import IS_LONG, seeds
from tests.faults.run import traffic
from tests.faults.traffic import Load
from tests.valkey import Sentinels

FAILOVERS = 2 if IS_LONG else 1
SLOW = Load(pause=0.2)


@pytest.mark.parametrize("seed", seeds(rounds=5))
async def test_calls_survive_a_failover(seed: int) -> None:
    """A replica takes over with everything that was acknowledged."""
    async with (
        Sentinels() as engines,
        Nodes(*[engines.url] * 3) as nodes,
        traffic(nodes.addresses, seed, "fail-over", SLOW) as calls,
    ):
        for _ in range(FAILOVERS):
            await calls.ledger.hears(calls.random.randint(1, 100))
            await engines.fail_over()
            calls.ledger.note("", "failed over", "fail-overs")
            await calls.new_call(*calls.random.sample(nodes.addresses, 2))
            await engines.replicas[0].start()
            await engines.in_step()
        nodes.check_logs()
