"""What devices and operators see while the engine is away."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import grpc
import pytest
from signaling.v1 import signaling_pb2 as pb

from tests.devices import User
from tests.faults.calls import talk
from tests.faults.cluster import Cluster, cluster
from tests.faults.health import NOT_SERVING, SERVICE, SERVING, turns
from tests.faults.phone import loyal
from tests.faults.profile import SEED, SLACK, lasts
from tests.faults.run import recorded

REFUSAL_TIMEOUT: Final = 1.5  # s
RETURN_TIMEOUT: Final = 2.0  # s; then all is as before
OUTAGE: Final = 2.0  # s


async def kill(service: Cluster) -> None:
    """No node has an engine."""
    service.engine.kill()


async def start(service: Cluster) -> None:
    """It is back, with what it had written."""
    await service.engine.start()


async def refuse(service: Cluster) -> None:
    """One node cannot reach the engine."""
    service.links[0].is_blocked = True
    service.links[0].cut()


async def admit(service: Cluster) -> None:
    """It can again."""
    service.links[0].is_blocked = False


async def swallow(service: Cluster) -> None:
    """One node hears nothing from the engine, which does what it says."""
    service.links[0].swallow()


async def cut(service: Cluster) -> None:
    """It has to connect anew."""
    service.links[0].cut()


@pytest.mark.parametrize(("away", "back"), [(kill, start), (refuse, admit), (swallow, cut)])
async def test_streams_outlast_the_engine(
    away: Callable[[Cluster], Awaitable[None]], back: Callable[[Cluster], Awaitable[None]]
) -> None:
    """A request is refused in time on a stream that stays; then all goes on, without a new one."""
    fault = f"engine away: {away.__name__}"
    async with cluster(2) as service, recorded(SEED, fault) as ledger:
        here, there = service.addresses
        alice = loyal("alice/phone", here, ledger, SEED)
        bob = loyal("bob/phone", there, ledger, SEED)
        async with alice, bob:
            asking, replying = await talk(alice, bob, "call")
            await away(service)
            over = asyncio.create_task(lasts(OUTAGE))
            sent = asking.says(0)
            await ledger.until(lambda: sent.is_reported, within=REFUSAL_TIMEOUT + SLACK)
            ledger.measure("refused after", sent.at)
            assert not sent.is_acknowledged
            await turns(here, SERVICE, NOT_SERVING)
            await turns(here, "", SERVING)
            await is_turned_away(here)
            await over

            await back(service)
            back_at = time.monotonic()
            async with asyncio.timeout(RETURN_TIMEOUT + SLACK):
                await replying.until("app_message")
                replying.says(0)
                await asking.until("app_message")
                await turns(here, SERVICE, SERVING)
            ledger.measure("well after", back_at)
            await asyncio.gather(asking.hangs_up(), replying.until("ended"))
        assert (alice.streams, bob.streams) == (1, 1)


async def is_turned_away(address: str) -> None:
    """A device that says hello is sent away, with a text that says why."""
    mallory = User("mallory", address)
    await mallory.phone.opens()
    await mallory.phone.sends(seq=0, hello={})
    away = (grpc.StatusCode.UNAVAILABLE, "the service cannot reach its data")
    assert await mallory.phone.is_ended() == away


async def test_a_stream_that_came_to_nothing_leaves_no_ghost() -> None:
    """The engine let it count and the node never heard: its session ends all the same."""
    async with (
        cluster(2, "--resume-window", "2") as service,
        recorded(SEED, "a hello is lost", frozenset({pb.END_REASON_PEER_GONE})) as ledger,
    ):
        here, there = service.addresses
        async with loyal("alice/phone", here, ledger, SEED) as alice:
            bob = loyal("bob/phone", there, ledger, SEED)
            await bob.comes_back()
            asking, _ = await talk(alice, bob, "call")
            bob.returns = False
            bob.drop()
            await asking.until("AWAY")
            service.links[1].swallow()
            returning = asyncio.create_task(bob.comes_back())
            await service.links[1].swallowed()
            await lasts(OUTAGE / 2)
            returning.cancel()
            await bob.is_gone()
            service.links[1].cut()
            assert (await asking.until("ended")).ended.reason == pb.END_REASON_PEER_GONE
