"""Requests that got an error."""

from collections import Counter
from typing import Final

NO_KIND: Final = "none"  # of an ack by itself, or of what only a newer version knows


class Refusals:
    """How many requests were refused since the node started, by kind and ErrorCode."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, int]] = Counter()

    def count(self, kind: str | None, code: int) -> None:
        """A request of a kind was refused."""
        self.counts[kind or NO_KIND, code] += 1
