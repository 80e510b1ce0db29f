"""One run: its calls, its verdict, and what it counted."""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from signaling.v1 import signaling_pb2 as pb

from tests.faults.ledger import Ledger
from tests.faults.report import ROWS, Row, table
from tests.faults.story import open_calls, story
from tests.faults.traffic import USUAL, Load, Traffic
from tests.faults.verdict import ENDS, judge
from tests.faults.watcher import Watcher

MOST_STORIES: Final = 3


@asynccontextmanager
async def recorded(
    seed: int, fault: str, ends: frozenset[pb.EndReason.ValueType] = ENDS
) -> AsyncIterator[Ledger]:
    """A ledger, judged at the end; whatever goes wrong comes with the seed and stories."""
    ledger = Ledger()
    try:
        yield ledger
    except BaseException:
        say(f"FAULT_SEED={seed}: {fault}: {dict(ledger.counts)}", *ledger.violations)
        tell(ledger, open_calls(ledger))
        raise
    verdict = judge(ledger, ends)
    ROWS.append(Row(seed, fault, ledger.counts + verdict.counts))
    say(f"FAULT_SEED={seed}", table(ROWS[-1:]), *ledger.violations)
    say(*(f"{call_id}: {problem}" for call_id, problem in verdict.problems))
    tell(ledger, [call_id for call_id, _ in verdict.problems])
    assert not ledger.violations, f"seed {seed}"
    assert not verdict.problems, f"seed {seed}"
    assert verdict.counts["lost"] == verdict.counts["doubled"] == 0, f"seed {seed}"


@asynccontextmanager
async def traffic(
    nodes: Sequence[str], seed: int, fault: str, load: Load = USUAL
) -> AsyncIterator[Traffic]:
    """Calls that go on while the body breaks things; then they end, and are judged.

    Another service watches: it has to be told of each, in order and once.
    """
    async with (
        recorded(seed, fault) as ledger,
        Watcher(nodes, ledger) as watcher,
        Traffic(nodes, ledger, seed, load) as calls,
    ):
        yield calls
        await calls.finish()
        await watcher.hears_all()


def tell(ledger: Ledger, call_ids: Sequence[str]) -> None:
    """Tell the stories of the first of these calls."""
    say(*(story(ledger, call_id) for call_id in list(dict.fromkeys(call_ids))[:MOST_STORIES]))


def say(*lines: str) -> None:
    """Print lines: a test that fails shows them."""
    sys.stdout.writelines(f"{line}\n" for line in lines)
