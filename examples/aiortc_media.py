"""What flows between two devices: an aiortc peer connection with audio and a data channel.

Nothing here knows of signaling. What to look at when wiring another WebRTC stack:

- aiortc gathers inside `setLocalDescription`, so descriptions are sent before it, and the
  candidates are taken out of the local description afterwards: trickled by hand.
- aiortc cannot restart ICE: a connection that failed is replaced by a new one. And where
  W3C says "failed" when a path is gone, aiortc closes the connection.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from aioice import ice
from aiortc import (
    AudioStreamTrack,
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from signaling.v1 import signaling_pb2 as pb

from examples.aiortc_call import add, gathered

T = TypeVar("T")
STATES: Final = ("connecting", "connected", "failed")  # those that the service wants to know


class Media:
    """One peer connection; wait for what happens by its futures.

    Args:
        servers: STUN and TURN.
        report: called with the connection's state when it changes.
    """

    def __init__(self, servers: Sequence[pb.IceServer], report: Callable[[str], None]) -> None:
        self.connected = future(float)  # each: the loop's time at which it happened
        self.failed = future(float)
        self.heard = future(float)  # the first audio frame
        self.opened = future(float)  # the data channel
        self.texts: asyncio.Queue[str] = asyncio.Queue()  # from the data channel
        self._report = report
        self._own: RTCSessionDescription | None = None
        self._channel: RTCDataChannel | None = None
        self._listening: asyncio.Task[None] | None = None
        ice_servers = [
            RTCIceServer(list(server.urls), server.username or None, server.credential or None)
            for server in servers
        ]
        # one transport for audio and data, and the servers of the service alone
        self._connection = RTCPeerConnection(
            RTCConfiguration(iceServers=ice_servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        self._connection.on("connectionstatechange", self._change)
        self._connection.on("track", self._listen)
        self._connection.on("datachannel", self._use)
        self._connection.addTrack(AudioStreamTrack())

    async def offer(self) -> str:
        """Make an offer."""
        self._use(self._connection.createDataChannel("chat"))
        self._own = await self._connection.createOffer()
        return self._own.sdp

    async def answer(self, offer: str) -> str:
        """Make an answer. Nothing leaves the device."""
        await self._connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        self._own = await self._connection.createAnswer()
        return self._own.sdp

    async def start(self) -> list[pb.IceCandidate]:
        """Set what was made: ICE and DTLS begin. Returns the candidates, which are to be sent."""
        await self._connection.setLocalDescription(self._own)
        return gathered(self._connection)

    async def accept(self, answer: str) -> None:
        """Take the peer's answer."""
        await self._connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def add(self, candidates: tuple[pb.IceCandidate, ...]) -> None:
        """Take the peer's candidates."""
        await add(self._connection, candidates)

    def say(self, text: str) -> None:
        """Write into the data channel."""
        if self._channel is None:
            raise RuntimeError("there is no data channel")
        self._channel.send(text)

    def lose_path(self) -> None:
        """Let no packet out any more, without a word: as when a phone leaves its Wi-Fi."""
        dtls: Any = self._connection.getSenders()[0].transport
        for protocol in dtls.transport._connection._protocols:  # noqa: SLF001 - a fault, not a use
            protocol.send_stun = _lose
            protocol.send_data = _lose_data

    async def close(self) -> None:
        """Close the connection; nothing is reported of it."""
        self._connection.remove_all_listeners("connectionstatechange")
        await self._connection.close()
        if self._listening is not None:
            self._listening.cancel()

    def _change(self) -> None:
        state = self._connection.connectionState
        if state == "closed":  # and not by us
            state = "failed"
        if state in STATES:
            self._report(state)
        if state == "connected":
            settle(self.connected, _now())
        elif state == "failed":
            settle(self.failed, _now())

    def _listen(self, track: MediaStreamTrack) -> None:
        self._listening = asyncio.create_task(self._listen_to(track))

    async def _listen_to(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                await track.recv()
                settle(self.heard, _now())
        except MediaStreamError:
            return  # the track has ended

    def _use(self, channel: RTCDataChannel) -> None:
        self._channel = channel
        channel.on("message", self.texts.put_nowait)
        channel.on("open", lambda: settle(self.opened, _now()))
        if channel.readyState == "open":
            settle(self.opened, _now())


@contextmanager
def loopback_candidates() -> Iterator[None]:
    """Let peers gather 127.0.0.1 too.

    aioice leaves it out, rightly: no other machine can reach it. But on a machine
    without a network two peers would have no candidate at all.
    """
    gather = ice.get_host_addresses

    def gather_with_loopback(use_ipv4: bool, use_ipv6: bool) -> list[str]:  # noqa: FBT001 - aioice's
        return [*gather(use_ipv4=use_ipv4, use_ipv6=use_ipv6), "127.0.0.1"]

    ice.get_host_addresses = gather_with_loopback
    try:
        yield
    finally:
        ice.get_host_addresses = gather


@contextmanager
def quick_consent() -> Iterator[None]:
    """Let peers see within two seconds that their path is gone; by itself it takes thirty."""
    usual = ice.CONSENT_INTERVAL, ice.CONSENT_FAILURES
    ice.CONSENT_INTERVAL, ice.CONSENT_FAILURES = 1, 1
    try:
        yield
    finally:
        ice.CONSENT_INTERVAL, ice.CONSENT_FAILURES = usual


def future(_kind: type[T]) -> asyncio.Future[T]:
    """Something that will happen once."""
    return asyncio.get_running_loop().create_future()


def settle(waiting: asyncio.Future[T], value: T) -> None:
    """It has happened; the first time counts."""
    if not waiting.done():
        waiting.set_result(value)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _lose(_message: Any, _address: Any) -> None:
    pass


async def _lose_data(_data: bytes, _address: Any) -> None:
    pass
