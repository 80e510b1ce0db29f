"""Nodes that stand still for a while, and go on as if nothing had been."""

import asyncio

import pytest

from tests.faults.calls import talk
from tests.faults.cluster import busy
from tests.faults.phone import loyal
from tests.faults.profile import LEASE_TIMEOUT, SLACK, lasts, seeds
from tests.faults.traffic import Load

HANGS = 1  # in a round
MOMENT = 3.0  # s; its lease goes on
LONG = 15.0  # s; its lease ends
SLOW = Load(pause=0.2)
MOST_MESSAGES = 100  # until the next fault


@pytest.mark.parametrize("seed", seeds(rounds=10))
async def test_calls_survive_a_node_that_hangs(seed: int) -> None:
    """Devices go elsewhere; what the node still had from them has no effect later."""
    async with busy(3, seed, "a node hangs", SLOW) as (service, calls):
        for _ in range(HANGS):
            hung, *others = calls.random.sample(service.nodes.places, 3)
            await calls.ledger.hears(calls.random.randint(1, MOST_MESSAGES))
            hung.stop()
            calls.ledger.note("", f"{hung.address} hangs", "hangs")
            await calls.new_call(others[0].address, others[1].address)
            await lasts(MOMENT)
            hung.cont()
            calls.ledger.note("", f"{hung.address} goes on")
            await calls.new_call(hung.address, others[0].address)


@pytest.mark.parametrize("seed", seeds(rounds=5))
async def test_a_node_that_hangs_is_given_up(seed: int) -> None:
    """Its lease ends: peers hear AWAY. It goes on: BACK, and everything that was said."""
    async with busy(3, seed, "a node hangs past its lease", SLOW) as (service, calls):
        hung, other, _ = service.nodes.places
        erin = loyal("erin/phone", other.address, calls.ledger, seed)
        frank = loyal("frank/phone", hung.address, calls.ledger, seed)
        async with erin, frank:
            asking, replying = await talk(erin, frank, "loyal")
            hung.stop()
            went_on = asyncio.create_task(lasts(LONG))
            calls.ledger.note("", f"{hung.address} hangs", "hangs")
            await asking.until("AWAY", within=LEASE_TIMEOUT + SLACK)
            asking.says(0)
            await calls.new_call(other.address, service.addresses[2])
            await went_on
            hung.cont()
            calls.ledger.note("", f"{hung.address} goes on")
            await asking.until("BACK")
            await replying.until("app_message")
            await asyncio.gather(asking.hangs_up(), replying.until("ended"))
        await calls.new_call(hung.address, other.address)
