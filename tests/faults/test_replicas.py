"""Steps that one engine has, and its replica has not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.faults.calls import talk
from tests.faults.ledger import Ledger
from tests.faults.nodes import Nodes
from tests.faults.phone import Phone, loyal
from tests.faults.profile import SEED, lasts, seeds
from tests.faults.run import recorded, traffic
from tests.faults.traffic import Load
from tests.valkey import Replicated

DEATHS = 3
SLOW = Load(pause=0.1)


@asynccontextmanager
async def two_phones(nodes: Nodes, ledger: Ledger) -> AsyncIterator[tuple[Phone, Phone]]:
    """Alice at the first node, Bob at the last."""
    alice = loyal("alice/phone", nodes[0].address, ledger, SEED)
    bob = loyal("bob/phone", nodes[-1].address, ledger, SEED)
    async with alice, bob:
        yield alice, bob


async def test_nothing_is_acknowledged_that_a_replica_has_not() -> None:
    """Not even when the request is tried again over a connection that has written nothing."""
    async with (
        Replicated() as engines,
        Nodes(*[f"{engines.primary.url}?replicas=1"] * 2) as nodes,
        recorded(SEED, "a replica hangs") as ledger,
        two_phones(nodes, ledger) as phones,
    ):
        asking, replying = await talk(*phones, "call")
        await asyncio.gather(*(phone.settles() for phone in phones))
        engines.replica.stop()
        sent = asking.says(0)
        for _ in range(5):
            await engines.primary.run("CLIENT KILL", "TYPE", "normal")
            await lasts(0.1)
        await ledger.until(lambda: sent.is_acknowledged or sent.is_reported)
        assert not sent.is_acknowledged
        engines.replica.cont()
        await replying.until("app_message")
        await asyncio.gather(asking.hangs_up(), replying.until("ended"))


@pytest.mark.parametrize("seed", seeds(rounds=5))
async def test_calls_survive_a_replica_that_dies(seed: int) -> None:
    """Nodes wait for it no longer, and do again when it is back."""
    async with (
        Replicated() as engines,
        Nodes(*[f"{engines.primary.url}?replicas=1"] * 2) as nodes,
        traffic(nodes.addresses, seed, "replica killed", SLOW) as calls,
    ):
        for _ in range(DEATHS):
            await calls.ledger.hears(calls.random.randint(1, 100))
            engines.replica.kill()
            calls.ledger.note("", "the replica is killed", "replica killed")
            await calls.new_call(*nodes.addresses)
            await engines.replica.start()
            await engines.in_step()
            await calls.new_call(*nodes.addresses)
        nodes.check_logs()
