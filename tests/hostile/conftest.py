"""One service for the attacks of a module, two devices in a call there, and who attacks."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

import pytest
import pytest_asyncio

from tests.hostile import floods
from tests.hostile.attackers import Attackers, attackers
from tests.hostile.pair import Pair, pair_of
from tests.hostile.report import PROPERTY, ROWS
from tests.hostile.victim import Victim, victim
from tests.transport.node import people

WARMING: Final = 10  # attacks; an allocator keeps pages, to a point


@pytest.fixture(autouse=True)
def _keep_rows(record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Let the summary have what a test has measured, whatever process it ran in."""
    yield
    for row in ROWS:
        record_property(PROPERTY, list(row))
    ROWS.clear()


@pytest_asyncio.fixture(name="victim", scope="module", loop_scope="module")
async def _victim() -> AsyncIterator[Victim]:
    """The service, which has to be free of mistakes in the end."""
    async with victim() as running:
        yield running
    running.has_logged_no_mistake()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(victim: Victim) -> AsyncIterator[Pair]:
    """Two devices in a call, which has to be alive in the end."""
    async with people(victim.node, "alice", "bob") as (alice, bob):
        pair = await pair_of(alice, bob)
        await pair.says(200)  # the first ones are slow
        yield pair
        await pair.hangs_up()


@pytest_asyncio.fixture(name="attackers", scope="module", loop_scope="module")
async def _attackers(victim: Victim) -> AsyncIterator[Attackers]:
    """They attack the service, and have done so before: its memory has grown as far as it does."""
    async with attackers(victim.address) as many:
        for _ in range(WARMING):
            await many.attack(floods.too_many_streams, connections=6)
        yield many
