"""A device that talks: `minimal_client.Client` wired to an aiortc peer connection, for one call.

What to look at when wiring another WebRTC stack:

- aiortc gathers inside `setLocalDescription`, so descriptions are sent before it, and the
  candidates are taken out of the local description afterwards: trickled by hand.
- An answer is sent first and set once it has WON. A device that sets it at once and then
  loses has already talked to the caller, and spoils the winner's handshake.
"""

import asyncio
import uuid
from collections.abc import Callable, Iterator
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
from aiortc.sdp import SessionDescription, candidate_from_sdp, candidate_to_sdp
from signaling.v1 import signaling_pb2 as pb

from examples.minimal_client import Client

Message = pb.ConnectRequest | pb.ConnectResponse
T = TypeVar("T")
CANDIDATE_PREFIX: Final = "candidate:"


class Peer:
    """One device, for one call. `run` it as a task; wait for what happens by its futures.

    Args:
        address: `host:port` of the service.
        user_id: the user.
        device_id: the device.
        observe: called with every request sent and every response received.
    """

    def __init__(
        self,
        address: str,
        user_id: str,
        device_id: str,
        observe: Callable[["Peer", Message], None] = lambda _peer, _message: None,
    ) -> None:
        self.name = f"{user_id}/{device_id}"
        self.call_id = ""
        self._client = Client(address, (("user-id", user_id), ("device-id", device_id)), "peer/1")
        self._observe = observe
        self._ice_servers: list[RTCIceServer] = []
        self._connection: RTCPeerConnection | None = None
        self._answer: RTCSessionDescription | None = None
        self._channel: RTCDataChannel | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.texts: asyncio.Queue[str] = asyncio.Queue()  # from the peer's data channel
        self.welcomed = _future(pb.Welcome)
        self.offered = _future(pb.SdpOffer)
        self.connected = _future(bool)
        self.heard = _future(bool)  # the first audio frame
        self.opened = _future(bool)  # the data channel
        self.refused = _future(pb.RequestError)
        self.ended = _future(pb.CallEnded)

    # what a person does

    async def call(self, user_id: str) -> None:
        """Call a user, with audio and a data channel."""
        self.call_id = str(uuid.uuid4())
        connection = self._open()
        connection.addTrack(AudioStreamTrack())
        self._use(connection.createDataChannel("chat"))
        offer = await connection.createOffer()
        self._send(offer=pb.SdpOffer(recipient_user_id=user_id, sdp=offer.sdp))
        await connection.setLocalDescription(offer)
        self._trickle(connection)

    def ring(self) -> None:
        """Ring: the person can hear it."""
        self._send(ringing=pb.Ringing())

    async def prepare(self) -> None:
        """Have an answer ready. Nothing leaves the device: it may be done while it rings."""
        offer = await self.offered
        connection = self._open()
        await connection.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
        connection.addTrack(AudioStreamTrack())
        self._answer = await connection.createAnswer()

    def answer(self) -> None:
        """Take the call with the answer that is ready. The device that is second gets `ended`."""
        if self._answer is None:
            raise RuntimeError("prepare first")
        self._send(answer=pb.SdpAnswer(sdp=self._answer.sdp))

    def say(self, text: str) -> None:
        """Write into the data channel."""
        if self._channel is None:
            raise RuntimeError("there is no data channel")
        self._channel.send(text)

    def hang_up(self) -> None:
        """End the call."""
        self._send(hangup=pb.Hangup())

    def leave(self) -> None:
        """Disconnect from the service; `run` ends."""
        self._client.close()

    # what the service says

    async def run(self) -> None:
        """Follow the protocol until `leave`."""
        try:
            async for response in self._client.events():
                self._observe(self, response)
                await self._follow(response)
        finally:
            await self._close()

    async def _follow(self, response: pb.ConnectResponse) -> None:
        match response.WhichOneof("payload"):
            case "welcome":
                await self._start(response.welcome)
            case "offer":
                self.call_id = response.call_id
                _settle(self.offered, response.offer)
            case "progress":
                await self._get_on(response.progress)
            case "answer" if self._connection is not None:
                answer = RTCSessionDescription(response.answer.sdp, "answer")
                await self._connection.setRemoteDescription(answer)
            case "candidates" if self._connection is not None:
                await _add_candidates(self._connection, response.candidates)
            case "error":
                _settle(self.refused, response.error)
            case "ended":
                await self._close()
                _settle(self.ended, response.ended)

    async def _start(self, welcome: pb.Welcome) -> None:
        if not welcome.resumed:
            await self._close()  # the call went with the old session
        self._ice_servers = [
            RTCIceServer(list(server.urls), server.username or None, server.credential or None)
            for server in welcome.ice_servers
        ]
        _settle(self.welcomed, welcome)

    async def _get_on(self, progress: pb.CallProgress) -> None:
        is_won = progress.kind == pb.PROGRESS_KIND_WON
        if is_won and self._connection is not None and self._answer is not None:
            await self._connection.setLocalDescription(self._answer)
            self._trickle(self._connection)

    def _send(self, **payload: Any) -> None:
        self._observe(self, pb.ConnectRequest(call_id=self.call_id, **payload))
        self._client.send(self.call_id, **payload)

    # the peer connection

    def _open(self) -> RTCPeerConnection:
        # one transport for audio and data, and the servers of the service alone
        configuration = RTCConfiguration(
            iceServers=self._ice_servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE
        )
        connection = self._connection = RTCPeerConnection(configuration)
        connection.on("connectionstatechange", self._report)
        connection.on("track", self._listen)
        connection.on("datachannel", self._use)
        return connection

    def _report(self) -> None:
        """Tell the service how the connection is: it advises both sides when it fails."""
        if self._connection is None or self.ended.done():
            return
        state = self._connection.connectionState
        if state in ("connecting", "connected", "failed"):
            value = pb.PeerConnectionState.Value(f"PEER_CONNECTION_STATE_{state.upper()}")
            self._send(connection_state=pb.ConnectionState(state=value))
        if state == "connected":
            _settle(self.connected, value=True)

    def _trickle(self, connection: RTCPeerConnection) -> None:
        """Send what was gathered, and that there is no more."""
        candidates = local_candidates(connection.localDescription.sdp)
        self._send(candidates=pb.IceCandidates(candidates=candidates))

    def _listen(self, track: MediaStreamTrack) -> None:
        task = asyncio.create_task(self._listen_to(track))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _listen_to(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                await track.recv()
                _settle(self.heard, value=True)
        except MediaStreamError:
            return  # the track has ended

    def _use(self, channel: RTCDataChannel) -> None:
        self._channel = channel
        channel.on("message", self.texts.put_nowait)
        channel.on("open", lambda: _settle(self.opened, value=True))
        if channel.readyState == "open":
            _settle(self.opened, value=True)

    async def _close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()


def local_candidates(sdp: str) -> list[pb.IceCandidate]:
    """The candidates of a bundled local description, then end-of-candidates."""
    media = SessionDescription.parse(sdp).media[0]  # the others are bundled onto it
    mid, ufrag = media.rtp.muxId, media.ice.usernameFragment if media.ice else None
    lines = [CANDIDATE_PREFIX + candidate_to_sdp(one) for one in media.ice_candidates]
    return [
        pb.IceCandidate(candidate=line, sdp_mid=mid, sdp_m_line_index=0, username_fragment=ufrag)
        for line in (*lines, "")
    ]


async def _add_candidates(connection: RTCPeerConnection, message: pb.IceCandidates) -> None:
    for one in message.candidates:
        if not one.candidate:
            await connection.addIceCandidate(None)
            continue
        candidate = candidate_from_sdp(one.candidate.removeprefix(CANDIDATE_PREFIX))
        candidate.sdpMid = one.sdp_mid if one.HasField("sdp_mid") else None
        candidate.sdpMLineIndex = one.sdp_m_line_index if one.HasField("sdp_m_line_index") else None
        await connection.addIceCandidate(candidate)


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


def _future(_kind: type[T]) -> asyncio.Future[T]:
    return asyncio.get_running_loop().create_future()


def _settle(future: asyncio.Future[T], value: T) -> None:
    if not future.done():
        future.set_result(value)
