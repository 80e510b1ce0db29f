"""A ladder diagram that grows while things happen."""

import time
from collections.abc import Sequence

from rich.console import Console

from signaling_service.ctl.ladder import Ladder, Row


class LiveLadder:
    """Prints a line for everything that happens, at once, with the time.

    Args:
        console: where to.
        parties: their names, from left to right.
    """

    def __init__(self, console: Console, parties: Sequence[str]) -> None:
        self._console = console
        self._ladder = Ladder(parties)
        self._start: float | None = None
        for line in self._ladder.header():
            console.print(line)
        self.gap()

    def arrow(self, source: str, target: str, label: str, style: str, shaft: str = "─") -> None:
        """Draw an arrow; lifelines between are crossed."""
        self._print(self._ladder.arrow(source, target, label, style, shaft))

    def link(self, one: str, other: str, label: str, style: str) -> None:
        """Draw a double line: something flows both ways."""
        self._print(self._ladder.link(one, other, label, style))

    def cut(self, one: str, other: str, label: str) -> None:
        """Draw a broken line: nothing gets through any more."""
        self._print(self._ladder.cut(one, other, label))

    def gap(self) -> None:
        """Draw the lifelines alone."""
        self._console.print(self._ladder.gap().line())

    def _print(self, row: Row) -> None:
        self._console.print(row.line(f"{self._elapsed():6.3f}s"))

    def _elapsed(self) -> float:
        """Seconds since the first arrow."""
        now = time.monotonic()
        self._start = self._start or now
        return now - self._start
