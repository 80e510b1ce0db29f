"""What a backend can tell of calls, devices and events: for other services, and for operators.

What is told is the truth at that moment: it is read where steps are written.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final, NamedTuple, Protocol

from signaling.v1 import calls_pb2

from signaling_service.core.model import Call, Device

EVENT_MEMORY: Final = 3600.0  # s; for a consumer to come back


class Place(NamedTuple):
    """A call's place among all calls, the newest first."""

    created_at: float
    call_id: str


class KnownDevice(NamedTuple):
    """A device that has a session. Times are seconds, 0 for never."""

    device: Device
    is_connected: bool
    attached_at: float
    active_at: float
    agent: str
    labels: Mapping[str, str]


class Archive(Protocol):
    """What may be asked. Every method raises BackendAwayError while nobody can tell.

    An event's cursor is text that means something here alone.
    """

    async def call(self, call_id: str) -> Call | None:
        """A call, until it is forgotten."""

    async def calls(self, user_id: str | None, behind: Place | None, limit: int) -> Sequence[Call]:
        """Calls, the newest first; those of one user, those behind a place."""

    async def devices(self, user_id: str) -> Sequence[KnownDevice]:
        """The devices of a user that have a session, by id."""

    async def trace(self, call_id: str) -> calls_pb2.GetCallTraceResponse | None:
        """What happened in a call, until its trace is forgotten."""

    async def newest(self) -> str:
        """The cursor of the newest event: what is behind it has yet to happen."""

    async def oldest(self) -> str:
        """A cursor behind which lies what there still is, but for the very first event."""

    async def events(self, cursor: str, limit: int) -> Sequence[calls_pb2.SignalingEvent]:
        """The next events behind a cursor, the oldest first; none if there are none yet.

        Raises:
            CursorLostError: what lies behind it is not known, or not all of it.
        """

    def watching(self, wake: Callable[[], None]) -> AbstractContextManager[None]:
        """While entered, `wake` is called whenever there may be more events."""
