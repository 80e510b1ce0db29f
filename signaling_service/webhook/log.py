"""What a webhook asks of a backend's log of events."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from signaling.v1 import calls_pb2 as pb


class Log(Protocol):
    """The part of `Archive` that is about events."""

    async def newest(self) -> str:
        """The cursor of the newest event."""

    async def oldest(self) -> str:
        """The cursor behind which lies all that there still is."""

    async def events(self, cursor: str, limit: int) -> Sequence[pb.SignalingEvent]:
        """The next events behind a cursor; CursorLostError if some of them are gone."""

    def watching(self, wake: Callable[[], None]) -> AbstractContextManager[None]:
        """While entered, `wake` is called whenever there may be more events."""
