"""How fast a device may send. Too fast is slowed down; only offers are refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

BUCKETS: Final[Mapping[str, str]] = {"offer": "offers", "candidates": "candidates"}


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_second` in the long run, `burst` at once."""

    per_second: float
    burst: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What one device may send, in messages."""

    offers: Rate = Rate(5, 20)
    candidates: Rate = Rate(50, 300)
    others: Rate = Rate(20, 100)


class TokenBucket:
    """Fills at a rate, up to its burst; each message takes one token."""

    __slots__ = ("_at", "_rate", "_tokens")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._tokens = rate.burst
        self._at = now

    def wait(self, now: float) -> float:
        """Seconds until there is a token; 0 if there is one."""
        elapsed = now - self._at
        self._at = now
        self._tokens = min(self._tokens + elapsed * self._rate.per_second, self._rate.burst)
        return max(1 - self._tokens, 0) / self._rate.per_second

    def take(self) -> None:
        """Take a token, on credit if there is none."""
        self._tokens -= 1


class Pacer:
    """The token buckets of one stream, each made when it is first needed."""

    __slots__ = ("_buckets", "_rates")

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self._buckets: dict[str, TokenBucket] = {}

    def take(self, kind: str | None, now: float) -> float:
        """Take a token for a message; returns how long it has to wait for it, in seconds.

        An offer that would have to wait takes none: it is refused.
        """
        name = BUCKETS.get(kind or "", "others")
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = TokenBucket(getattr(self._rates, name), now)
        delay = bucket.wait(now)
        if not delay or name != "offers":
            bucket.take()
        return delay
