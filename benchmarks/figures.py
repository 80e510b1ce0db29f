"""Figures: what was measured, in which unit, beside what."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One row: the service in each round, and what it is compared with in the same rounds."""

    section: str
    name: str
    unit: str
    rounds: Sequence[float]
    compared_with: str | None = None
    compared_rounds: Sequence[float] = field(default=())

    @property
    def value(self) -> float:
        """The median of the rounds."""
        return median(self.rounds)

    @property
    def compared_value(self) -> float | None:
        """The median of the other's rounds."""
        return median(self.compared_rounds) if self.compared_rounds else None

    @property
    def ratio(self) -> float | None:
        """The value by what it is compared with: as the table shows them."""
        return self.value / self.compared_value if self.compared_value else None

    def as_json(self) -> dict[str, Any]:
        """Return everything, computed values included."""
        computed = {
            "value": self.value,
            "compared_value": self.compared_value,
            "ratio": self.ratio,
        }
        return asdict(self) | computed
