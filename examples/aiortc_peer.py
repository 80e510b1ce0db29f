"""A device that talks: `signaling_service.client` wired to aiortc, for one call.

Beyond `aiortc_call` it offers what a demonstration has to show: it prepares its answer while it
rings, and when the connection fails it does what the service advises.
"""

import asyncio
from collections.abc import Callable

from signaling.v1 import signaling_pb2 as pb

from examples.aiortc_media import Media, future, settle
from signaling_service.client import (
    Answered,
    AppMessage,
    Away,
    Back,
    Call,
    CallEvent,
    Candidates,
    Client,
    Connected,
    Ended,
    Incoming,
    Lost,
    Offered,
    Reconnect,
    Timing,
    Won,
    identity,
)

Message = pb.ConnectRequest | pb.ConnectResponse
EAGER = Timing(min_backoff=0.1, max_backoff=0.1)  # a demonstration does not wait long


class Peer:
    """One device, for one call. `run` it as a task; wait for what happens by its futures.

    Args:
        address: `host:port` of the service.
        user_id: the user.
        device_id: the device.
        observe: called with every message as it is written or read.
    """

    def __init__(
        self,
        address: str,
        user_id: str,
        device_id: str,
        observe: Callable[["Peer", Message], None] = lambda _peer, _message: None,
    ) -> None:
        self.name = f"{user_id}/{device_id}"
        self.welcomed = future(bool)
        self.offered = future(Call)
        self.away = future(bool)  # the other side's stream
        self.back = future(bool)
        self.told = future(AppMessage)
        self.renewed = future(Media)  # in the place of a connection that failed
        self.ended = future(Ended)
        self._call: Call | None = None
        self._media: Media | None = None
        self._answer = ""
        self._group = asyncio.TaskGroup()
        self._client = Client(
            address,
            identity(user_id, device_id),
            agent="peer/2",
            timing=EAGER,
            observe=lambda message: observe(self, message),
        )

    @property
    def call(self) -> Call:
        """The call it is in."""
        if self._call is None:
            raise RuntimeError("there is no call")
        return self._call

    @property
    def media(self) -> Media:
        """The peer connection there is now."""
        if self._media is None:
            raise RuntimeError("there is no peer connection")
        return self._media

    # what a person does

    async def dial(self, user_id: str) -> None:
        """Call a user, with audio and a data channel."""
        media = self._open(self._client.ice_servers)
        self._follow(self._client.call(user_id, await media.offer()))
        self.call.send_candidates(await media.start())

    def ring(self) -> None:
        """Ring: the person can hear it."""
        self.call.ring()

    async def prepare(self) -> None:
        """Have an answer ready. Nothing leaves the device: it may be done while it rings."""
        call = await self.offered
        self._answer = await self._open(self._client.ice_servers).answer(call.offer.sdp)

    def answer(self) -> None:
        """Take the call with the answer that is ready. The device that is second gets `ended`."""
        self.call.answer(self._answer)

    def hang_up(self) -> None:
        """End the call."""
        self.call.hangup()

    async def leave(self) -> None:
        """Disconnect from the service; `run` ends."""
        await self._client.close()

    # what the service says

    async def run(self) -> None:
        """Follow the protocol until `leave`."""
        try:
            async with self._client as client, self._group:
                async for event in client:
                    match event:
                        case Connected():
                            settle(self.welcomed, value=True)
                        case Incoming(call):
                            self._follow(call)
                            settle(self.offered, call)
        finally:
            await self._close()

    def _follow(self, call: Call) -> None:
        self._call = call
        self._group.create_task(self._follow_all(call))

    async def _follow_all(self, call: Call) -> None:
        async for event in call:
            await self._act(call, event)
            self._note(event)

    async def _act(self, call: Call, event: CallEvent) -> None:
        match event:
            case Won():
                call.send_candidates(await self.media.start())
            case Answered(str(sdp)):
                await self.media.accept(sdp)
            case Candidates(candidates):
                await self.media.add(candidates)
            case Reconnect(role=pb.RECONNECT_ROLE_OFFER, ice_servers=servers):
                media = await self._renew(servers)
                call.renegotiate(await media.offer())
                call.send_candidates(await media.start())
                settle(self.renewed, media)
            case Offered(str(sdp)):
                media = await self._renew(self._client.ice_servers)
                call.answer(await media.answer(sdp))
                call.send_candidates(await media.start())
                settle(self.renewed, media)
            case Ended() | Lost():
                await self._close()

    def _note(self, event: CallEvent) -> None:
        match event:
            case Away():
                settle(self.away, value=True)
            case Back():
                settle(self.back, value=True)
            case AppMessage():
                settle(self.told, event)
            case Ended():
                settle(self.ended, event)

    # the peer connection

    def _open(self, servers: tuple[pb.IceServer, ...]) -> Media:
        self._media = Media(servers, self._report)
        return self._media

    async def _renew(self, servers: tuple[pb.IceServer, ...]) -> Media:
        """Put a new connection in the place of the one that failed: aiortc cannot restart ICE."""
        await self._close()
        return self._open(servers)

    def _report(self, state: str) -> None:
        """Tell the service how the connection is: it advises both sides when it fails."""
        self.call.report(state)

    async def _close(self) -> None:
        if self._media is not None:
            media, self._media = self._media, None
            await media.close()
