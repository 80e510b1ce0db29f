"""What a device has to be told of its requests: up to which one they are processed."""

from collections.abc import Callable
from typing import Final

from signaling_service.clock import Clock, Timer

ACK_DELAY: Final = 0.2  # s; an ack waits this long for something to ride on
ACK_EVERY: Final = 32  # requests; or for this many


class Acks:
    """The acks of one stream. `wake` is called when one has to go out by itself."""

    __slots__ = ("_clock", "_timer", "_told", "_wake", "is_wanted", "processed")

    def __init__(self, clock: Clock, wake: Callable[[], None]) -> None:
        self.processed = 0  # the highest request seq processed
        self.is_wanted = False  # an ack goes out now, if need be by itself
        self._told = 0  # the highest that the device was told
        self._timer: Timer | None = None
        self._clock = clock
        self._wake = wake

    @property
    def is_owed(self) -> bool:
        """Whether more is processed than the device was told."""
        return self.processed > self._told

    def resume(self, processed: int) -> None:
        """Go on where the session was."""
        self.processed = self._told = processed

    def processes(self, seq: int) -> None:
        """A request is processed: the device hears it soon."""
        self.processed = seq
        if seq - self._told >= ACK_EVERY:
            self.want()
        elif self._timer is None:
            self._timer = self._clock.call_later(ACK_DELAY, self._late)

    def want(self) -> None:
        """Let an ack go out now."""
        self.is_wanted = True
        self._wake()

    def tell(self) -> int:
        """The ack for a response that is about to be written."""
        self._told = self.processed
        self.is_wanted = False
        return self.processed

    def close(self) -> None:
        """Let no more go out, and know nobody: a stream has to go without a garbage collector."""
        self._wake = _wake_nobody
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if self.is_owed:
            self.want()


def _wake_nobody() -> None:
    """The stream has ended."""
