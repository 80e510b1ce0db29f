"""How fast a device may send. Too fast is slowed down; only offers are refused."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from signaling_service.core.buckets import UNLIMITED, Buckets, Rate
from signaling_service.core.model import Device

OFFERS: Final = Rate(5, 20)
CANDIDATES: Final = Rate(50, 300)
OTHERS: Final = Rate(20, 100)
ACKS: Final = Rate(100, 400)  # a device that acknowledges each message by itself gets by
HELLOS: Final = Rate(10, 200)  # each of 16 devices loses its connection every other second


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What one device may send, in messages; `hellos` are what its user may."""

    offers: Rate = OFFERS
    candidates: Rate = CANDIDATES
    others: Rate = OTHERS
    acks: Rate = ACKS
    hellos: Rate = HELLOS


class Pacing:
    """The token buckets of this node's devices. They outlive streams, or a new one were free."""

    def __init__(self, rates: Rates, now: Callable[[], float]) -> None:
        self.rates = rates
        self._now = now
        self._devices: Buckets[tuple[Device, str | None]] = Buckets()
        self._users: Buckets[str] = Buckets()

    def wait(self, device: Device, kind: str | None) -> float:
        """Take a token for a message of a kind; returns how long it has to wait, in seconds.

        A kind of None is a bare ack, or a duplicate.
        """
        if kind == "candidates":
            rate = self.rates.candidates
        elif kind is None:
            rate = self.rates.acks
        else:
            kind, rate = "", self.rates.others
        left = self._devices.take((device, kind), rate, self._now(), UNLIMITED)
        return -left / rate.per_second if left < 0 else 0.0

    def admits(self, user_id: str) -> float:
        """Let a user open a stream; returns how long that has to wait, 0 if it may."""
        left = self._users.take(user_id, self.rates.hellos, self._now())
        return max(-left, 0) / self.rates.hellos.per_second
