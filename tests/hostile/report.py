"""What the attacks have cost those who do nobody harm, in a table."""

from collections.abc import Sequence
from io import StringIO
from typing import Final, NamedTuple

from rich.console import Console
from rich.table import Table

from tests.hostile.pair import Times

WIDTH: Final = 120  # characters
PROPERTY: Final = "attack"  # of a test's report: a row


class Row(NamedTuple):
    """One attack, beside a call; milliseconds and MB."""

    attack: str
    fates: str
    messages: int
    quiet_median: float
    quiet_p99: float
    median: float
    p99: float
    memory_before: float
    memory: float


ROWS: Final[list[Row]] = []  # of the test that runs


def note(attack: str, fates: str, quiet: Times, hurt: Times, memory: tuple[int, int]) -> None:
    """Keep what an attack has cost, for the summary."""
    before, after = (each / 1e6 for each in memory)
    ROWS.append(
        Row(
            attack,
            fates,
            len(hurt.samples),
            quiet_median=1000 * quiet.median,
            quiet_p99=1000 * quiet.p99,
            median=1000 * hurt.median,
            p99=1000 * hurt.p99,
            memory_before=before,
            memory=after,
        )
    )


def table(rows: Sequence[Row]) -> str:
    """A line for each attack."""
    grid = Table(title="a call during attacks: there and back, in ms; memory of the service, in MB")
    for name in ("attack", "its connections"):
        grid.add_column(name, overflow="fold")
    for name in ("messages", "quiet", "p99", "attacked", "p99", "p99 ratio", "before", "after"):
        grid.add_column(name, justify="right")
    for row in rows:
        times = (row.quiet_median, row.quiet_p99, row.median, row.p99)
        grid.add_row(
            *(row.attack, row.fates, str(row.messages)),
            *(f"{each:.1f}" for each in (*times, row.p99 / row.quiet_p99)),
            *(f"{each:.0f}" for each in (row.memory_before, row.memory)),
        )
    text = StringIO()
    Console(file=text, width=WIDTH).print(grid)
    return text.getvalue()
