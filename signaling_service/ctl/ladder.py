"""A ladder diagram: a lifeline for each party, from top to bottom, and arrows between them."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.text import Text

FIRST_LANE: Final = 12  # column of the first lifeline; left of it stands the time
MAX_GAP: Final = 21  # columns from one lifeline to the next: four of them fit into 80
MIN_GAP: Final = 11  # six fit, with notes of ten columns; less has no room for a word


class Row:
    """A line of a ladder, on which things are put one over the other."""

    def __init__(self, lanes: Iterable[int]) -> None:
        self._cells = dict.fromkeys(lanes, ("│", "dim"))
        self._end = max(self._cells) + 3  # where a note begins

    def put(self, column: int, text: str, style: str) -> None:
        """Put a text at a column."""
        for at, character in enumerate(text, column):
            self._cells[at] = (character, style)

    def line(self, time: str = "", note: str = "", note_style: str = "dim") -> Text:
        """The line with its time at the left, and a note at the right."""
        line = Text(time.ljust(min(self._cells)), "dim")
        columns = range(min(self._cells), max(self._cells) + 1)
        cells = [self._cells.get(column, (" ", "")) for column in columns]
        for style, run in groupby(cells, key=itemgetter(1)):
            line.append("".join(character for character, _ in run), style)
        if note:
            line.append(" " * (self._end - len(line)))
            line.append(note, note_style)
        return line


class Ladder:
    """Draws the rows of a ladder.

    Args:
        parties: their names, from left to right; a name may have two lines.
        width: how many columns there are. Six parties fit into 80; more take more.
        notes: how many of them are kept free at the right.
    """

    def __init__(self, parties: Sequence[str], width: int = 80, notes: int = 0) -> None:
        room = width - FIRST_LANE - notes - 1
        self._gap = max(MIN_GAP, min(MAX_GAP, room // max(1, len(parties) - 1)))
        self._lanes = {name: FIRST_LANE + self._gap * at for at, name in enumerate(parties)}
        self.label_width = self._gap - 3  # what fits between two lifelines beside an arrow's head

    def header(self) -> list[Text]:
        """The names, each over its lifeline."""
        names = [name.split("\n") for name in self._lanes]
        depth = max(len(lines) for lines in names)
        header = []
        for level in range(depth):
            margin = " " * (FIRST_LANE - self._gap // 2)
            level_names = (dict(enumerate(lines)).get(level, "") for lines in names)
            line = margin + "".join(_centred(name, self._gap) for name in level_names)
            header.append(Text(line.rstrip(), "bold"))
        return header

    def gap(self) -> Row:
        """The lifelines alone."""
        return Row(self._lanes.values())

    def arrow(self, source: str, target: str, label: str, style: str, shaft: str = "─") -> Row:
        """An arrow; lifelines between are crossed."""
        begin, end = self._lanes[source], self._lanes[target]
        low, high = min(begin, end), max(begin, end)
        row = self.gap()
        row.put(low + 1, shaft * (high - low - 1), style)
        for lane in self._lanes.values():
            if low < lane < high:
                row.put(lane, "┼", style)
        row.put(begin, "├" if end > begin else "┤", style)
        if len(label) <= self.label_width:  # then beside the target, else in the middle
            low, high = (high - self._gap, high) if end == high else (low, low + self._gap)
        row.put(*_between(low, high, label), style)
        row.put(end + (-1 if end > begin else 1), "▶" if end > begin else "◀", style)
        return row

    def link(self, one: str, other: str, label: str, style: str) -> Row:
        """A double line: something flows both ways."""
        return self._both_ways(one, other, label, ("◀", "═", "▶", style))

    def cut(self, one: str, other: str, label: str) -> Row:
        """A broken line: nothing gets through any more."""
        return self._both_ways(one, other, label, ("✗", " ", "✗", "bold red"))

    def mark(self, party: str, label: str, style: str) -> Row:
        """Something that happens at one party."""
        row, text = self.gap(), f" {label} "
        begin = self._lanes[party] - len(text) // 2
        last = max(self._lanes.values()) - len(text)
        row.put(max(FIRST_LANE + 1, min(begin, last)), text, style)
        return row

    def _both_ways(self, one: str, other: str, label: str, look: tuple[str, str, str, str]) -> Row:
        left, middle, right, style = look
        low, high = sorted((self._lanes[one], self._lanes[other]))
        row = self.gap()
        row.put(low + 1, left + middle * (high - low - 3) + right, style)
        row.put(*_between(low, high, label), style)
        return row


def _between(low: int, high: int, label: str) -> tuple[int, str]:
    """Where a label goes between two lifelines, with a space at each side if there is room."""
    text = f" {label} " if len(label) + 3 < high - low else label
    return (low + high - len(text) + 1) // 2, text


def _centred(name: str, width: int) -> str:
    """A name in the middle of so many columns, shortened if it is longer."""
    if cell_len(name) >= width:
        name = set_cell_size(name, width - 2) + "…"
    left = (width - cell_len(name)) // 2
    return set_cell_size(" " * left + name, width)
