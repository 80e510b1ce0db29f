"""A device with an aiortc peer that uses relays alone, for one call. Run as a program.

It prints what happens, a JSON line each. With `--call` it calls somebody, else it answers.
When its input ends it hangs up, and ends when it has heard that the call is over. Its requests
are unnumbered: its stream is never lost.
"""

import argparse
import asyncio
import json
import sys
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import grpc
from aiortc import (
    AudioStreamTrack,
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCIceTransportPolicy,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.sdp import SessionDescription, candidate_from_sdp, candidate_to_sdp
from google.protobuf.json_format import MessageToDict
from signaling.v1 import signaling_pb2 as pb
from signaling.v1 import signaling_pb2_grpc

WORD: Final = "over the relay"
Stream = grpc.aio.StreamStreamCall[pb.ConnectRequest, pb.ConnectResponse]


class Peer:
    """The one call of this device."""

    def __init__(self, stream: Stream, call_id: str, servers: Sequence[pb.IceServer]) -> None:
        self._stream = stream
        self._call_id = call_id
        self._answer: RTCSessionDescription | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._connection = RTCPeerConnection(
            RTCConfiguration(
                iceServers=[
                    RTCIceServer(list(one.urls), one.username, one.credential) for one in servers
                ],
                bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
                iceTransportPolicy=RTCIceTransportPolicy.RELAY,
            )
        )
        self._connection.addTrack(AudioStreamTrack())
        self._connection.on("track", self._on_track)
        self._connection.on("datachannel", self._on_channel)
        self._connection.on("connectionstatechange", self._on_state)

    async def call(self, user_id: str) -> None:
        """Offer a call; aiortc gathers first, so that its offer brings the candidates."""
        self._on_channel(self._connection.createDataChannel("data"))
        await self._connection.setLocalDescription(await self._connection.createOffer())
        description = self._connection.localDescription
        tell("candidates", types=types(description.sdp))
        await self.send(offer=pb.SdpOffer(recipient_user_id=user_id, sdp=description.sdp))

    async def send(self, **payload: Any) -> None:
        """Send a request about the call."""
        await self._stream.write(pb.ConnectRequest(call_id=self._call_id, **payload))

    async def receive(self, response: pb.ConnectResponse) -> None:
        """Act on what came about the call."""
        match response.WhichOneof("payload"):
            case "offer":
                await self._describe(response.offer.sdp, "offer")
                self._answer = await self._connection.createAnswer()
                await self.send(answer=pb.SdpAnswer(sdp=self._answer.sdp))
            case "progress" if response.progress.kind == pb.PROGRESS_KIND_WON:
                await self._connection.setLocalDescription(self._answer)
                await self._trickle()
            case "answer":
                await self._describe(response.answer.sdp, "answer")
            case "candidates":
                for one in response.candidates.candidates:
                    candidate = candidate_from_sdp(one.candidate.removeprefix("candidate:"))
                    candidate.sdpMid = one.sdp_mid
                    await self._connection.addIceCandidate(candidate)

    async def close(self) -> None:
        """Close the connection."""
        for task in self._tasks:
            task.cancel()
        await self._connection.close()

    async def _describe(self, sdp: str, kind: str) -> None:
        await self._connection.setRemoteDescription(RTCSessionDescription(sdp, kind))

    async def _trickle(self) -> None:
        sdp = self._connection.localDescription.sdp
        tell("candidates", types=types(sdp))
        (first, *_) = SessionDescription.parse(sdp).media  # all are bundled with it
        lines = [f"candidate:{candidate_to_sdp(one)}" for one in first.ice_candidates]
        candidates = [pb.IceCandidate(candidate=line, sdp_mid=first.rtp.muxId) for line in lines]
        await self.send(candidates=pb.IceCandidates(candidates=candidates))

    def _on_state(self) -> None:
        tell("state", state=self._connection.connectionState)

    def _on_track(self, track: MediaStreamTrack) -> None:
        task = asyncio.create_task(_listen(track))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _on_channel(self, channel: RTCDataChannel) -> None:
        def on_open() -> None:
            channel.send(f"ping {WORD}")

        def on_message(message: str) -> None:
            kind, _, word = message.partition(" ")
            if kind == "ping":
                channel.send(f"pong {word}")
            else:
                tell("echoed", word=word)

        channel.on("open", on_open)
        channel.on("message", on_message)
        if channel.readyState == "open":
            on_open()


async def _listen(track: MediaStreamTrack) -> None:
    await track.recv()
    tell("heard")


def types(sdp: str) -> list[str]:
    """The types of the candidates in a description, each once."""
    candidates = [line.split() for line in sdp.splitlines() if line.startswith("a=candidate:")]
    return sorted({words[words.index("typ") + 1] for words in candidates})


def tell(event: str, **fields: Any) -> None:
    """Print an event."""
    sys.stdout.write(json.dumps({"event": event, "at": time.time(), **fields}) + "\n")
    sys.stdout.flush()


async def main(address: str, user_id: str, callee: str | None) -> None:
    """Be a device until its call is over."""
    identity = (("user-id", user_id), ("device-id", "phone"))
    async with grpc.aio.insecure_channel(address, (("grpc.enable_http_proxy", 0),)) as channel:
        stub = signaling_pb2_grpc.SignalingServiceStub(channel)
        stream = stub.Connect(metadata=identity)
        await stream.write(pb.ConnectRequest(hello=pb.Hello(agent="e2e")))
        welcome = (await anext(aiter(stream))).welcome
        tell("welcome", iceServers=[MessageToDict(one) for one in welcome.ice_servers])
        asked = await stub.GetIceServers(pb.GetIceServersRequest(), metadata=identity)
        tell("asked", iceServers=[MessageToDict(one) for one in asked.servers])
        await _talk(stream, asked.servers, callee)
    sys.stdout.write(json.dumps({"event": "done"}) + "\n")


async def _talk(stream: Stream, servers: Sequence[pb.IceServer], callee: str | None) -> None:
    peer = None
    if callee is not None:
        peer = Peer(stream, str(uuid.uuid4()), servers)
        await peer.call(callee)
    leaving: asyncio.Task[None] | None = None
    async for response in stream:
        if peer is None and response.HasField("offer"):
            peer = Peer(stream, response.call_id, servers)
        if peer is None:
            continue
        leaving = leaving or asyncio.create_task(_hang_up_when_told(peer))
        if response.HasField("ended"):
            tell("ended", reason=pb.EndReason.Name(response.ended.reason))
            leaving.cancel()
            await peer.close()
            return
        await peer.receive(response)


async def _hang_up_when_told(peer: Peer) -> None:
    with suppress(asyncio.CancelledError):
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        await peer.send(hangup=pb.Hangup())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--user", required=True)
    parser.add_argument("--call")
    options = parser.parse_args()
    asyncio.run(main(options.address, options.user, options.call))
