"""Connections by the thousand that want nothing."""

from typing import Final

import pytest

from tests.faults.profile import IS_LONG
from tests.hostile.attackers import Attackers
from tests.hostile.junk import junk
from tests.hostile.pair import Pair, Times
from tests.hostile.report import note
from tests.hostile.victim import Victim

COUNT: Final = 100_000 if IS_LONG else 2_000
QUIET: Final = 200  # messages
PAIR: Final = 2  # streams

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]


async def test_junk_connections(victim: Victim, pair: Pair, attackers: Attackers) -> None:
    """Nothing is left of them, and a call beside them goes on."""
    await attackers.do(junk, victim.address, COUNT)
    await victim.has_streams(PAIR)
    await victim.is_down_to(memory=victim.memory)
    memory, quiet = victim.memory, await pair.says(QUIET)

    samples: list[float] = []
    async with pair.talking(samples):
        kinds = await attackers.do(junk, victim.address, COUNT)

    assert kinds.total() == COUNT
    await victim.is_well()
    await victim.has_streams(PAIR)
    await victim.is_down_to(memory=memory)
    fates = f"{COUNT} of {len(kinds)} kinds"
    note("junk connections", fates, quiet, Times(tuple(samples)), (memory, victim.memory))
