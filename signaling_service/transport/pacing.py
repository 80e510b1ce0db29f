"""How fast a device may send. Too fast is slowed down; only offers are refused."""

from dataclasses import dataclass


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
