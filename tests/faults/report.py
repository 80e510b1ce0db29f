"""What runs have counted, in a table."""

from collections import Counter
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Final, NamedTuple

from rich.console import Console
from rich.table import Table

from tests.faults.ledger import MS

WIDTH: Final = 160  # characters
PROPERTY: Final = "fault run"  # of a test's report: a row
# what is in a column of its own; the rest is told in the last one
COLUMNS: Final = ("calls", "messages", "lost", "doubled", "reported", "resumed", "new calls")


class Row(NamedTuple):
    """One run."""

    seed: int
    fault: str
    counts: Mapping[str, int]


ROWS: Final[list[Row]] = []  # of the tests since somebody has taken them


def table(rows: Sequence[Row]) -> str:
    """A line for each run, and their sum if there are several."""
    grid = Table("seed", "fault", title="fault runs")
    for name in COLUMNS:
        grid.add_column(name, justify="right")
    grid.add_column("other counts", overflow="fold")
    for row in rows:
        grid.add_row(str(row.seed), row.fault, *_cells(row.counts))
    if len(rows) > 1:
        total = sum((Counter(row.counts) for row in rows), Counter[str]())
        total = Counter({name: count for name, count in total.items() if not name.endswith(MS)})
        grid.add_section()
        grid.add_row("", f"{len(rows)} runs", *_cells(total))
    text = StringIO()
    Console(file=text, width=WIDTH).print(grid)
    return text.getvalue()


def _cells(counts: Mapping[str, int]) -> list[str]:
    others = sorted(set(counts) - set(COLUMNS))
    named = [str(counts.get(name, 0)) for name in COLUMNS]
    return [*named, ", ".join(f"{name} {counts[name]}" for name in others)]
