"""A ladder diagram that grows while things happen: a lifeline for each party, arrows between."""

import time
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

FIRST_LANE: Final = 12  # column of the first lifeline; left of it stands the time
LANE_GAP: Final = 21  # columns between lifelines: four of them fit into 80


class Ladder:
    """Prints a line for every arrow, at once.

    Args:
        console: where to.
        parties: their names, from left to right.
    """

    def __init__(self, console: Console, parties: Sequence[str]) -> None:
        self._console = console
        self._lanes = {name: FIRST_LANE + LANE_GAP * index for index, name in enumerate(parties)}
        self._start: float | None = None
        header = [" "] * (FIRST_LANE + LANE_GAP * len(parties))
        for name, lane in self._lanes.items():
            begin = lane - len(name) // 2
            header[begin : begin + len(name)] = name
        console.print(Text("".join(header).rstrip(), "bold"))
        console.print(self._draw({}))

    def arrow(self, source: str, target: str, label: str, style: str, shaft: str = "─") -> None:
        """Draw an arrow; lifelines between are crossed."""
        begin, end = self._lanes[source], self._lanes[target]
        low, high = min(begin, end), max(begin, end)
        row = dict.fromkeys(range(low + 1, high), shaft)
        row |= {lane: "┼" for lane in self._lanes.values() if low < lane < high}
        row[begin] = "├" if end > begin else "┤"
        row[end + (-1 if end > begin else 1)] = "▶" if end > begin else "◀"
        self._print(row, label, style, self._label_at(low, high, end, label))

    def link(self, one: str, other: str, label: str, style: str) -> None:
        """Draw a double line: something flows both ways."""
        low, high = sorted((self._lanes[one], self._lanes[other]))
        row = dict.fromkeys(range(low + 2, high - 1), "═") | {low + 1: "◀", high - 1: "▶"}
        self._print(row, label, style, self._label_at(low, high, None, label))

    def cut(self, one: str, other: str, label: str) -> None:
        """Draw a broken line: nothing gets through any more."""
        low, high = sorted((self._lanes[one], self._lanes[other]))
        row = dict.fromkeys(range(low + 2, high - 1), " ") | {low + 1: "✗", high - 1: "✗"}
        self._print(row, label, "bold red", self._label_at(low, high, None, label))

    def gap(self) -> None:
        """Draw the lifelines alone."""
        self._console.print(self._draw({}))

    def _label_at(self, low: int, high: int, end: int | None, label: str) -> int:
        """Where the label begins: in the gap beside the target if it fits, else in the middle."""
        if end is not None and len(label) + 4 < LANE_GAP:
            low, high = (high - LANE_GAP, high) if end == high else (low, low + LANE_GAP)
        return (low + high - len(label) - 1) // 2

    def _print(self, row: dict[int, str], label: str, style: str, at: int) -> None:
        row |= dict(enumerate(f" {label} ", at))
        line = self._draw(row)
        line.stylize(style, min(row), max(row) + 1)
        self._console.print(line)

    def _draw(self, row: dict[int, str]) -> Text:
        """One line: the time, lifelines, and `row` over them."""
        cells = [" "] * (max(self._lanes.values()) + 1)
        cells[:8] = f"{self._elapsed():6.3f}s " if row else " " * 8
        for lane in self._lanes.values():
            cells[lane] = "│"
        for column, cell in row.items():
            cells[column] = cell
        return Text("".join(cells), "dim")

    def _elapsed(self) -> float:
        """Seconds since the first arrow."""
        now = time.monotonic()
        self._start = self._start or now
        return now - self._start
