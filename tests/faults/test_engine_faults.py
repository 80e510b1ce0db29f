"""The engine dies, hangs, or cannot be reached, while calls go on."""

from collections.abc import Awaitable, Callable

import pytest

from tests.faults.cluster import Cluster, busy
from tests.faults.profile import lasts, seeds
from tests.faults.traffic import Load, Traffic

MOST_MESSAGES = 100  # until the next fault
MOMENT = 1.0  # s; at most
HANG = 3.0  # s
SLOW = Load(pause=0.1)


async def killed(service: Cluster, calls: Traffic) -> None:
    """The engine dies and comes back with what it has written."""
    service.engine.kill()
    await lasts(calls.random.uniform(0, MOMENT))
    await service.engine.start()


async def hangs(service: Cluster, _calls: Traffic) -> None:
    """The engine keeps its connections and answers late."""
    service.engine.stop()
    await lasts(HANG)
    service.engine.cont()


async def drops_clients(service: Cluster, _calls: Traffic) -> None:
    """The engine cuts every connection."""
    await service.engine.run("CLIENT KILL", "TYPE", "normal")


async def link_cut(service: Cluster, calls: Traffic) -> None:
    """One node's connections break; what was on its way there is lost."""
    calls.random.choice(service.links).cut()


async def link_refused(service: Cluster, calls: Traffic) -> None:
    """One node cannot reach the engine for a while."""
    link = calls.random.choice(service.links)
    link.is_blocked = True
    link.cut()
    await lasts(calls.random.uniform(0, 2 * MOMENT))
    link.is_blocked = False


async def replies_lost(service: Cluster, calls: Traffic) -> None:
    """What one node asks for is done, and it never hears of it."""
    link = calls.random.choice(service.links)
    link.swallow()
    await link.swallowed()
    await lasts(calls.random.uniform(0, 2 * MOMENT))
    link.cut()


@pytest.mark.parametrize("seed", seeds(rounds=20))
@pytest.mark.parametrize(
    ("fault", "times"),
    [
        (killed, 5),
        (hangs, 1),
        (drops_clients, 5),
        (link_cut, 10),
        (link_refused, 3),
        (replies_lost, 3),
    ],
)
async def test_calls_survive_the_engine(
    fault: Callable[[Cluster, Traffic], Awaitable[None]], times: int, seed: int
) -> None:
    """Whatever happens to the engine: nothing is lost or doubled, a new call works at once."""
    name = fault.__name__.replace("_", " ")
    async with busy(3, seed, f"engine: {name}", SLOW) as (service, calls):
        for _ in range(times):
            await calls.ledger.hears(calls.random.randint(1, MOST_MESSAGES))
            calls.ledger.note("", f"engine: {name}", name)
            await fault(service, calls)
            calls.ledger.note("", "healed")
            await calls.new_call(*calls.random.sample(service.addresses, 2))
