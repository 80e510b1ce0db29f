"""What a node that has died leaves to the others."""

import asyncio
import time
from contextlib import AsyncExitStack

import pytest
from signaling.v1 import signaling_pb2 as pb

from tests.faults.calls import talk
from tests.faults.cluster import cluster
from tests.faults.ledger import Ledger
from tests.faults.part import Part
from tests.faults.phone import Phone
from tests.faults.profile import LEASE_TIMEOUT, SLACK, chance, seeds
from tests.faults.run import recorded

PAIRS = 5
RING_TIMEOUT = 5.0  # s; the least there is
NO_ANSWER = frozenset({pb.END_REASON_NO_ANSWER})


@pytest.mark.parametrize("seed", seeds(rounds=5))
async def test_peers_hear_that_a_node_has_died(seed: int) -> None:
    """Devices that do not come back are AWAY by the end of their node's lease, later BACK."""
    async with (
        cluster(2) as service,
        recorded(seed, "nodes die for good") as ledger,
        AsyncExitStack() as stack,
    ):
        dead, alive = service.nodes.places
        callers = [
            await stack.enter_async_context(
                _phone(f"alice{n}/phone", [alive.address], ledger, seed)
            )
            for n in range(PAIRS)
        ]
        callees = [
            await stack.enter_async_context(
                _phone(f"bob{n}/phone", [dead.address, alive.address], ledger, seed)
            )
            for n in range(PAIRS)
        ]
        pairs = zip(callers, callees, strict=True)
        calls = [await talk(*pair, f"call-{n}") for n, pair in enumerate(pairs)]
        for callee in callees:
            callee.returns = False
        await dead.kill()
        ledger.note("", "killed", "kills")
        killed_at = time.monotonic()
        for asking, _ in calls:
            await asking.until("AWAY", within=LEASE_TIMEOUT + SLACK)
        ledger.measure("AWAY after", killed_at)
        for (asking, replying), callee in zip(calls, callees, strict=True):
            asking.says(0)
            await callee.comes_back()
            await asking.until("BACK")
            await replying.until("app_message")
            await asyncio.gather(asking.hangs_up(), replying.until("ended"))


@pytest.mark.parametrize("seed", seeds(rounds=5))
async def test_a_call_rings_out_although_its_node_is_dead(seed: int) -> None:
    """The node dies with the offers that it took: every device hears NO_ANSWER, once."""
    async with (
        cluster(3) as service,
        recorded(seed, "nodes die with offers", NO_ANSWER) as ledger,
        AsyncExitStack() as stack,
    ):
        dead = service.nodes[0]
        parts: list[Part] = []
        for number in range(PAIRS):
            names = [
                f"alice{number}/phone",
                *(f"bob{number}/{n}" for n in ("phone", "tablet", "tv")),
            ]
            nodes = service.addresses
            phones = [
                await stack.enter_async_context(
                    _phone(name, [*nodes[index % 3 :], *nodes[: index % 3]], ledger, seed)
                )
                for index, name in enumerate(names)
            ]
            parts += [Part(phone, f"call-{number}") for phone in phones]
            parts[-len(phones)].offers(f"bob{number}", RING_TIMEOUT)
        # some offers have arrived everywhere, some are on their way, some are not stored yet
        await ledger.hears(chance(seed).randint(1, 3 * PAIRS))
        await dead.kill()
        ledger.note("", "killed", "kills")
        async with asyncio.TaskGroup() as group:
            group.create_task(dead.start())
            for part in parts:
                group.create_task(part.until("ended"))


def _phone(name: str, nodes: list[str], ledger: Ledger, seed: int) -> Phone:
    return Phone(name, nodes, ledger, seed)
