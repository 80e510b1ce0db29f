"""The way to a shared engine, as an operator sees it."""

import time
from collections.abc import Iterable
from typing import Final

from signaling_service.metrics.distribution import Distribution

# s; on the same network a round trip takes one or two ms, and after 1.2 s nobody waits for it
BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)


class EngineFigures:
    """What a node met on its way to the engine, since it started.

    Args:
        scripts: the names of all that it may ask for.
    """

    def __init__(self, scripts: Iterable[str]) -> None:
        self.round_trips = Distribution(BUCKETS)  # of a pipeline: all that one turn wants
        self.scripts = dict.fromkeys(scripts, 0)  # how often each was asked for
        self.failures = 0  # attempts at a round trip
        self.unanswered = 0  # scripts without a reply in time
        self._away_since: float | None = time.monotonic()
        self._away = 0.0

    @property
    def is_away(self) -> bool:
        """Whether the engine does not answer."""
        return self._away_since is not None

    @property
    def seconds_away(self) -> float:
        """How long the engine has not answered, all together."""
        since = self._away_since
        return self._away if since is None else self._away + time.monotonic() - since

    def lost(self) -> None:
        """It does not answer any more."""
        self._away_since = self._away_since or time.monotonic()

    def found(self) -> None:
        """It answers."""
        self._away, self._away_since = self.seconds_away, None
