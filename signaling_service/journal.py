"""What a node writes down of streams, sessions and calls: a line each, nothing of a message.

Nobody can flood the log: of what one user causes a burst is written, and then a line a
second. How many lines were left out is said now and then. They are there with
`--log-level debug`.
"""

from typing import Final, Protocol

import structlog
from signaling.v1 import signaling_pb2 as pb

from signaling_service.clock import Clock
from signaling_service.core.buckets import Buckets, Rate
from signaling_service.core.errors import RefusedError
from signaling_service.core.model import Call, Device, end_between

LINES: Final = Rate(per_second=1, burst=60)  # of one user; more than people ever need
STRANGERS: Final = Rate(per_second=5, burst=100)  # lines of all together that nobody knows
QUIET: Final = 10.0  # s between two lines that say how many were left out
LIMITS: Final = (
    pb.ERROR_CODE_RATE_LIMITED,
    pb.ERROR_CODE_LIMIT_EXCEEDED,
    pb.ERROR_CODE_TOO_LARGE,
)

log = structlog.get_logger()


class How(Protocol):
    """How a stream ends: its gRPC status and a fixed text."""

    @property
    def code(self) -> "Named":
        """The status."""

    @property
    def text(self) -> str:
        """The text."""


class Named(Protocol):
    """A member of an enum."""

    @property
    def name(self) -> str:
        """What it is called."""


class Journal:
    """Writes lines, at `info`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: Buckets[str] = Buckets()
        self._left_out = 0
        self._quiet_until = 0.0

    def session_began(self, device: Device, *, is_resumed: bool) -> None:
        """A device has a session: a fresh one, or the one it had."""
        if not self._may_write(device.user_id):
            return
        if is_resumed:
            log.info("session_resumed", **device._asdict())
        else:
            log.info("session_opened", **device._asdict())

    def session_ended(self, device: Device) -> None:
        """A device has not come back in time, or has begun anew."""
        if self._may_write(device.user_id):
            log.info("session_ended", **device._asdict())

    def stream_ended(self, device: Device, how: How, began_at: float) -> None:
        """A stream is over, whoever ended it."""
        if self._may_write(device.user_id):
            log.info(
                "stream_ended",
                **device._asdict(),
                status=how.code.name,
                text=how.text,
                seconds=_since(began_at, self._clock.now()),
            )

    def turned_away(self, peer: str, how: How) -> None:
        """Somebody was not let in; `peer` is the other end of the connection."""
        if self._may_write("", STRANGERS):
            log.info("turned_away", peer=peer, status=how.code.name, text=how.text)

    def refused(self, device: Device, call_id: str, refusal: RefusedError) -> None:
        """A request was refused: worth a line if it met a limit."""
        code = pb.ErrorCode.Name(refusal.code).removeprefix("ERROR_CODE_")
        told = {**device._asdict(), "call_id": call_id, "code": code, "detail": str(refusal)}
        if refusal.code in LIMITS and self._may_write(device.user_id):
            log.info("limit_met", **told)
        else:
            log.debug("request_refused", **told)

    def observe(self, before: Call | None, after: Call, now: float) -> None:
        """Look at a step of a call: one that ends it gets a line with all there is to say."""
        ended = end_between(before, after)
        if ended is None or not self._may_write(after.caller.device.user_id):
            return
        times = after.times
        log.info(
            "call_ended",
            call_id=after.call_id,
            reason=pb.EndReason.Name(ended.reason).removeprefix("END_REASON_"),
            **after.caller.device._asdict(),
            callee_user_id=after.callee_user_id,
            callee_device_id=after.callee.device.device_id if after.callee else None,
            seconds_ringing=_since(after.created_at, times.answered_at or now),
            seconds_connected=_since(times.connected_at, now),
        )

    def _may_write(self, who: str, rate: Rate = LINES) -> bool:
        """Whether there may be a line about `who`; if there may, left-out ones are told of."""
        now = self._clock.now()
        if self._buckets.take(who, rate, now) < 0:
            self._left_out += 1
            return False
        if self._left_out and now >= self._quiet_until:
            log.info("lines_left_out", lines=self._left_out)
            self._left_out, self._quiet_until = 0, now + QUIET
        return True


def _since(when: float | None, now: float) -> float | None:
    return None if when is None else round(max(now - when, 0), 3)
