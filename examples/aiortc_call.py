"""Talk: `python -m examples.aiortc_call bob` waits, `… alice bob` calls, for ten seconds."""

import asyncio
import sys

import aiortc
from aiortc import RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import SessionDescription, candidate_from_sdp, candidate_to_sdp
from signaling.v1 import signaling_pb2 as pb

from signaling_service.client import Answered, Call, Candidates, Client, Incoming, Won, identity

TALK = 10.0  # s


def gathered(peer: RTCPeerConnection) -> list[pb.IceCandidate]:
    """The candidates that aiortc has put into its description, then end-of-candidates."""
    media = SessionDescription.parse(peer.localDescription.sdp).media[0]
    ufrag = media.ice.usernameFragment if media.ice else None
    lines = [f"candidate:{candidate_to_sdp(one)}" for one in media.ice_candidates]
    return [
        pb.IceCandidate(candidate=line, sdp_mid=media.rtp.muxId, username_fragment=ufrag)
        for line in (*lines, "")
    ]


async def add(peer: RTCPeerConnection, candidates: tuple[pb.IceCandidate, ...]) -> None:
    """Take the peer's candidates."""
    for one in candidates:
        candidate = candidate_from_sdp(one.candidate.partition(":")[2]) if one.candidate else None
        if candidate is not None:
            candidate.sdpMid = one.sdp_mid
        await peer.addIceCandidate(candidate)


async def talk(call: Call, peer: RTCPeerConnection, own: RTCSessionDescription) -> None:
    """Do what the service says, until the call is over; `own` is the offer or answer sent."""
    peer.on("connectionstatechange", lambda: call.report(peer.connectionState))
    async for event in call:
        print(event)  # noqa: T201 - for the person who tries it
        match event:
            case Won():  # only now: another device may have been quicker
                await peer.setLocalDescription(own)
                call.send_candidates(gathered(peer))
            case Answered(str(sdp)):
                await peer.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
                asyncio.get_running_loop().call_later(TALK, call.hangup)
            case Candidates(candidates):
                await add(peer, candidates)
    await peer.close()


async def main(user_id: str, callee: str = "", address: str = "127.0.0.1:50051") -> None:
    """Call somebody, or take the first call."""
    async with Client(address, identity(user_id, "aiortc")) as client:
        await client.ready()
        servers = [RTCIceServer([*s.urls], s.username, s.credential) for s in client.ice_servers]
        peer = RTCPeerConnection(aiortc.RTCConfiguration(servers))
        peer.addTrack(aiortc.AudioStreamTrack())
        if callee:
            offer = await peer.createOffer()
            call = client.call(callee, offer.sdp)
            await peer.setLocalDescription(offer)
            call.send_candidates(gathered(peer))
            await talk(call, peer, offer)
            return
        async for event in client:
            match event:
                case Incoming(call):
                    call.ring()
                    await peer.setRemoteDescription(RTCSessionDescription(call.offer.sdp, "offer"))
                    answer = await peer.createAnswer()
                    call.answer(answer.sdp)
                    await talk(call, peer, answer)
                    return


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
