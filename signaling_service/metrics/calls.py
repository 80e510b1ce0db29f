"""Calls as they begin, get on, and end."""

from collections import Counter
from typing import Final

from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Call, State
from signaling_service.metrics.distribution import Distribution

# s; people, not machines
SETUP_BUCKETS: Final = (0.25, 0.5, 1, 2, 3, 5, 8, 12, 20, 30, 45, 60, 90, 120, 180)
CONNECTED: Final = "connected"


class Calls:
    """What this node's steps made of calls, since it started."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended: Counter[int] = Counter()  # by EndReason
        self.setups: dict[str, Distribution] = {}  # by outcome; a call that was connected has one

    def observe(self, before: Call | None, after: Call, now: float) -> None:
        """Count a call that has come into another state.

        The outcome of a set-up is `connected`, or the reason of the end of a call that
        never was.
        """
        if before is None:
            self.begun += 1
        was_connected = before is not None and before.quality.was_connected
        if after.ended is not None:
            self.ended[after.ended.reason] += 1
            if not was_connected:
                self._set_up(reason_name(after.ended.reason), now - after.created_at)
        elif after.state is State.CONNECTED and not was_connected:
            self._set_up(CONNECTED, now - after.created_at)

    def _set_up(self, outcome: str, seconds: float) -> None:
        if outcome not in self.setups:
            self.setups[outcome] = Distribution(SETUP_BUCKETS)
        self.setups[outcome].observe(seconds)


def reason_name(reason: int) -> str:
    """The reason of an end, as a label has it."""
    return pb.EndReason.Name(pb.EndReason.ValueType(reason)).removeprefix("END_REASON_").lower()
