"""One side of a test call: it does what an app would do."""

from collections.abc import Callable
from typing import Final

from signaling.v1 import signaling_pb2 as pb

from signaling_service.client import (
    Answered,
    Call,
    CallEvent,
    Client,
    Connected,
    Disconnected,
    Ended,
    Incoming,
    Lost,
    Offered,
    Reconnect,
    Won,
)
from signaling_service.ctl import wording
from signaling_service.ctl.complaints import unavailable
from signaling_service.ctl.media import Media
from signaling_service.ctl.screen import Screen

CANDIDATES: Final = 6  # a side; what a phone on Wi-Fi gathers
BATCH: Final = 3  # candidates in a message: those of 20 to 50 ms


class Talk:
    """A call, followed to its end.

    Args:
        call: the call.
        media: what this side has described it with, or is going to.
        tell: called with each event.
        candidates: how many to send.
    """

    def __init__(
        self,
        call: Call,
        media: Media,
        tell: Callable[[CallEvent], None],
        candidates: int = CANDIDATES,
    ) -> None:
        self._call = call
        self._media = media
        self._tell = tell
        self._candidates = candidates

    async def follow(self) -> Ended | Lost:
        """Tell each event and react to it, until the call is over; go on with it after a cancel."""
        async for event in self._call:
            self._tell(event)
            self._react(event)
        return await self._call.wait_ended()

    def _react(self, event: CallEvent) -> None:
        match event:
            case Won() | Answered():
                self._connect()
            case Offered():
                self._call.answer(self._media.description())
                self._connect()
            case Reconnect(role=pb.RECONNECT_ROLE_OFFER):
                self._call.renegotiate(self._media.description())

    def _connect(self) -> None:
        """Both descriptions are there: send candidates, and say that media flow."""
        candidates = self._media.candidates(self._candidates)
        self._call.report("connecting")
        for begin in range(0, len(candidates), BATCH):
            self._call.send_candidates(candidates[begin : begin + BATCH])
        self._call.report("connected")


async def is_connected(client: Client, target: str) -> None:
    """Wait until a test device is connected.

    Raises:
        Complaint: the first attempt failed.
        ClientError: it was turned away.
    """
    async for event in client:
        match event:
            case Connected():
                return
            case Disconnected(_, detail):
                raise unavailable(detail, target)


async def mind(
    client: Client, screen: Screen, take: Callable[[Call], None] = lambda _call: None
) -> None:
    """Say what happens to a test device's connection, and `take` the calls that come.

    Raises:
        ClientError: it was turned away.
    """
    async for event in client:
        match event:
            case Incoming(call):
                take(call)
            case Disconnected(_, detail):
                screen.note(f"the connection is lost: {wording.safe(detail)}; trying again")
            case Connected(resumed):
                screen.note("connected again" if resumed else "connected again, with no session")
