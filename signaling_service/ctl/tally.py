"""What a load generator counts, and the table it makes of that."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from signaling_service.ctl.wording import safe, span

MEDIAN: Final = 0.5
NEARLY_ALL: Final = 0.99


@dataclass
class Tally:
    """Calls, by how they went; times in seconds.

    Attributes:
        begun: calls that were placed.
        set_up: of each that was answered the time from the offer until the caller had the
            answer.
        connected: the time until it knew that the callee's media flow.
        completed: calls that came to the end they should.
        failures: the others, by reason.
        skipped: calls that were due when every pair was in one.
        elapsed: how long calls were placed.
    """

    begun: int = 0
    set_up: list[float] = field(default_factory=list)
    connected: list[float] = field(default_factory=list)
    completed: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    skipped: int = 0
    elapsed: float = 0.0

    @property
    def rate(self) -> float:
        """Calls placed, a second."""
        return self.begun / self.elapsed if self.elapsed else 0.0

    @property
    def has_failed(self) -> bool:
        """Whether there was a call that did not go well, or none at all."""
        return bool(self.failures) or not self.completed

    def record(self) -> dict[str, Any]:
        """The figures for a program."""
        return {
            "seconds": round(self.elapsed, 3),
            "calls": self.begun,
            "callsPerSecond": round(self.rate, 3),
            "completed": self.completed,
            "failed": self.failures.total(),
            "failures": dict(self.failures),
            "skipped": self.skipped,
            **_percentiles("setUp", self.set_up),
            **_percentiles("connected", self.connected),
        }

    def table(self) -> Group:
        """The figures for a person."""
        table = Table.grid(padding=(0, 2))
        table.add_column()
        table.add_column(justify="right")
        table.add_column(style="dim")
        failed, style = self.failures.total(), "bold red" if self.failures else "green"
        table.add_row("calls", str(self.begun), f"in {span(self.elapsed)}")
        table.add_row("calls/s", f"{self.rate:.1f}", "")
        table.add_row("completed", str(self.completed), "")
        table.add_row("failed", Text(str(failed), style), "")
        if under_way := self.begun - self.completed - failed:
            table.add_row("under way", Text(str(under_way), "yellow"), "they were not waited for")
        if self.skipped:
            table.add_row("skipped", Text(str(self.skipped), "yellow"), "all pairs were in a call")
        for name, what, times in (
            ("set-up", "from the offer to the answer", self.set_up),
            ("connected", "from the offer to the callee's media", self.connected),
        ):
            table.add_row(f"{name} p50", _shown(times, MEDIAN), what)
            table.add_row(f"{name} p99", _shown(times, NEARLY_ALL), "")
        return Group(table, *self._failures())

    def _failures(self) -> list[Table]:
        if not self.failures:
            return []
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold red")
        table.add_column("FAILURES", justify="right")
        table.add_column("REASON")
        for reason, count in self.failures.most_common():
            table.add_row(str(count), Text(safe(reason)))
        return [table]


def percentile(values: Sequence[float], share: float) -> float:
    """The value that such a share of all does not exceed (nearest rank)."""
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1]


def _shown(times: Sequence[float], share: float) -> str:
    return f"{percentile(times, share) * 1000:.1f} ms" if times else "-"


def _percentiles(name: str, times: Sequence[float]) -> dict[str, float | None]:
    return {
        f"{name}{suffix}": round(percentile(times, share), 6) if times else None
        for suffix, share in (("P50Seconds", MEDIAN), ("P99Seconds", NEARLY_ALL))
    }
