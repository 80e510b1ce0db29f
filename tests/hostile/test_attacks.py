"""Raw HTTP/2 against a service that has other things to do."""

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

import pytest

from tests.hostile import floods, headers, malformed
from tests.hostile.attackers import Attackers
from tests.hostile.attacking import CLOSED, OPEN, Attack
from tests.hostile.pair import Pair, Times
from tests.hostile.report import note
from tests.hostile.victim import Victim

PAIR: Final = 2  # streams
CONNECTIONS: Final = 6  # at once, of an attack
QUIET: Final = 100  # messages
ENOUGH: Final = 30  # messages during an attack; it is repeated until there are
MOST_REPEATS: Final = 5
NOTICEABLE: Final = 100.0  # times the half millisecond that a message takes there and back

pytestmark = pytest.mark.asyncio(loop_scope="module")

# what the service does with a connection that ...
CLOSES: Final[Sequence[Attack]] = (  # breaks the protocol, or floods it with what wants an answer
    malformed.http1,
    malformed.tls_hello,
    malformed.wrong_preface,
    malformed.no_settings,
    malformed.random_bytes,
    malformed.random_frames,
    malformed.frame_too_large,
    malformed.wrong_sizes,
    malformed.window_of_zero,
    headers.table_that_changes_size,
    headers.index_of_nothing,
    headers.number_without_end,
    floods.ping_flood,
    floods.empty_data,
    floods.empty_continuations,
)
SERVES: Final[Sequence[Attack]] = (  # does no more harm than its own bytes, or only to its streams
    malformed.padding_beyond_the_frame,
    malformed.data_on_closed_streams,
    malformed.window_overflow,
    malformed.goaway_and_more,
    malformed.wrong_lengths,
    headers.huge_name,
    headers.not_an_rpc,
    floods.settings_flood,
    floods.priority_flood,
    floods.goaway_flood,
    floods.unknown_frames,
    floods.window_flood,
    floods.continuation_flood,
    floods.too_many_streams,
)
MAY_CLOSE: Final[Sequence[Attack]] = (  # does the one or the other
    malformed.wrong_streams,
    headers.huge_fields,
    floods.reset_after_hello,
)
COSTS: Final[Sequence[Attack]] = (  # sends so much that reading it takes time
    headers.hpack_bomb,
    headers.hpack_bomb_without_end,
    headers.empty_fields,
    floods.rapid_reset,
)


@pytest.mark.parametrize("attack", CLOSES)
async def test_attack_that_costs_its_connection(
    victim: Victim, pair: Pair, attackers: Attackers, attack: Attack
) -> None:
    """Its connections are closed, and nobody else notices anything."""
    hurt = await suffers(victim, pair, attackers, attack)
    assert set(hurt.fates) == {CLOSED}
    assert hurt.slowdown < NOTICEABLE


@pytest.mark.parametrize("attack", SERVES)
async def test_attack_that_comes_to_nothing(
    victim: Victim, pair: Pair, attackers: Attackers, attack: Attack
) -> None:
    """Its connections live on, and nobody else notices anything."""
    hurt = await suffers(victim, pair, attackers, attack)
    assert hurt.fates[OPEN]  # on a busy machine some have been idle for too long
    assert hurt.slowdown < NOTICEABLE


@pytest.mark.parametrize("attack", MAY_CLOSE)
async def test_attack_that_may_cost_its_connection(
    victim: Victim, pair: Pair, attackers: Attackers, attack: Attack
) -> None:
    """Some are closed; nobody else notices anything."""
    hurt = await suffers(victim, pair, attackers, attack)
    assert set(hurt.fates) <= {CLOSED, OPEN}
    assert hurt.slowdown < NOTICEABLE


@pytest.mark.parametrize("attack", COSTS)
async def test_attack_that_costs_what_its_bytes_cost(
    victim: Victim, pair: Pair, attackers: Attackers, attack: Attack
) -> None:
    """A call goes on beside it, more slowly; nothing is lost, and nothing is left of it."""
    hurt = await suffers(victim, pair, attackers, attack, connections=1)
    assert hurt.fates[OPEN]  # on a busy machine some have been idle for too long


class Hurt(NamedTuple):
    """What an attack has done."""

    fates: Counter[str]  # of its connections
    slowdown: float  # of a call beside: the ratio of the medians


async def suffers(
    victim: Victim,
    pair: Pair,
    attackers: Attackers,
    attack: Attack,
    connections: int = CONNECTIONS,
) -> Hurt:
    """Suffer an attack beside a call, twice; returns what it has done.

    Afterwards the service is well, and has no more streams, descriptors and memory than
    after the first time.
    """
    await attackers.attack(attack, connections)
    await victim.has_streams(PAIR)
    memory, quiet = victim.memory, await pair.says(QUIET)

    samples: list[float] = []
    fates = await attackers.attack(attack, connections)
    for _ in range(MOST_REPEATS):
        async with pair.talking(samples):
            fates += await attackers.attack(attack, connections)
        if len(samples) >= ENOUGH:
            break

    await victim.is_well()
    await victim.has_streams(PAIR)
    await victim.is_down_to(memory=memory)
    times = Times(tuple(samples))
    note(attack.__name__, str(dict(fates)), quiet, times, (memory, victim.memory))
    return Hurt(fates, times.median / quiet.median)
