"""Token buckets: how fast something may happen, and how often at once."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

UNLIMITED: Final = float("inf")
BUCKETS_KEPT: Final = 1024  # before those that are full again are looked for

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_second` in the long run, `burst` at once."""

    per_second: float
    burst: float

    def __str__(self) -> str:
        return f"at most {self.burst:g} at once, then {self.per_second:g} a second"


class TokenBucket:
    """Fills at a rate, up to its burst; whatever happens takes a token."""

    __slots__ = ("_at", "_rate", "_tokens")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._tokens = rate.burst
        self._at = now

    def take(self, now: float, credit: float = 0.0) -> float:
        """Take a token; returns how many are left, below 0 if there was none.

        It may be overdrawn by `credit`; what would go beyond takes nothing.
        """
        left = self._level(now) - 1
        if left >= -credit:
            self._tokens = left
            self._at = max(self._at, now)
        return left

    def is_full(self, now: float) -> bool:
        """Whether it is as good as a new one."""
        return self._level(now) >= self._rate.burst

    def _level(self, now: float) -> float:
        # every message comes by here: `min` and `max` would take as long as the rest
        if now <= self._at:
            return self._tokens
        level = self._tokens + (now - self._at) * self._rate.per_second
        return min(self._rate.burst, level)


class Buckets(Generic[Key]):
    """A bucket for each key, made when it is first needed and forgotten once it is full."""

    def __init__(self) -> None:
        self._buckets: dict[Key, TokenBucket] = {}
        self._bound = BUCKETS_KEPT

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: Key, rate: Rate, now: float, credit: float = 0.0) -> float:
        """Take a token of the key's bucket: see `TokenBucket.take`."""
        bucket = self._buckets.get(key)
        if bucket is None:
            self._make_room(now)
            bucket = self._buckets[key] = TokenBucket(rate, now)
        return bucket.take(now, credit)

    def _make_room(self, now: float) -> None:
        if len(self._buckets) >= self._bound:
            held = {key: each for key, each in self._buckets.items() if not each.is_full(now)}
            self._buckets = held
            self._bound = max(2 * len(held), BUCKETS_KEPT)
