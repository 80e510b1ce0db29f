"""The messages the load consists of: realistic in size and shape, the same for every server."""

from typing import Final

from signaling.v1 import signaling_pb2 as pb

from benchmarks.plan import CANDIDATE_BYTES

CALLER_UFRAG: Final = "cLr1"
CALLEE_UFRAG: Final = "cLe1"

_SESSION: Final = (
    "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"
)
_CODECS: Final = (
    "111 opus/48000/2",
    "63 red/48000/2",
    "9 G722/8000",
    "96 VP8/90000",
    "97 rtx/90000",
    "98 VP9/90000",
    "102 H264/90000",
    "45 AV1/90000",
)
_TRANSPORT: Final = (
    "a=ice-pwd:asd88fgpdd777uzjYhagZg01\r\na=ice-options:trickle\r\n"
    "a=fingerprint:sha-256 " + ":".join(["AB"] * 32) + "\r\na=setup:actpass\r\n"
)


def sdp(ufrag: str) -> str:
    """Return a description of audio and video, some 3 KB, of one ICE generation."""
    media = ""
    for mid, kind in enumerate(("audio", "video")):
        media += f"m={kind} 9 UDP/TLS/RTP/SAVPF 111 63 9 96 97 98 102 45\r\nc=IN IP4 0.0.0.0\r\n"
        media += f"a=mid:{mid}\r\na=ice-ufrag:{ufrag}\r\n{_TRANSPORT}a=sendrecv\r\na=rtcp-mux\r\n"
        for codec in _CODECS:
            number = codec.split()[0]
            media += f"a=rtpmap:{codec}\r\na=rtcp-fb:{number} transport-cc\r\n"
            media += f"a=fmtp:{number} level-asymmetry-allowed=1;packetization-mode=1\r\n"
    return _SESSION + media


def candidate(ufrag: str) -> pb.IceCandidate:
    """Return a candidate of exactly `CANDIDATE_BYTES` bytes on the wire."""
    line = "candidate:842163049 1 udp 1677729535 203.0.113.77 46154 typ srflx raddr 192.168.1.42 "
    line += f"rport 46154 generation 0 ufrag {ufrag} network-id 1 network-cost 10"
    message = pb.IceCandidate(
        candidate=line, sdp_mid="0", sdp_m_line_index=0, username_fragment=ufrag
    )
    # an extension attribute, as ICE allows, brings every line to the same size;
    # a line past 127 bytes has a length prefix of two bytes, hence the second look
    padding = CANDIDATE_BYTES - message.ByteSize() - len(" x ")
    message.candidate = f"{line} x {'0' * padding}"
    if message.ByteSize() != CANDIDATE_BYTES:
        raise AssertionError(f"a candidate has {message.ByteSize()} bytes")
    return message


def candidates(call_id: str, ufrag: str, count: int) -> pb.ConnectRequest:
    """Return one request with `count` candidates."""
    batch = pb.IceCandidates(candidates=[candidate(ufrag)] * count)
    return pb.ConnectRequest(call_id=call_id, candidates=batch)


def offer(call_id: str, recipient_user_id: str) -> pb.ConnectRequest:
    """Return the request that starts a call."""
    description = pb.SdpOffer(
        recipient_user_id=recipient_user_id,
        sdp=sdp(CALLER_UFRAG),
        metadata={"display-name": "Alice", "media": "video"},
    )
    return pb.ConnectRequest(call_id=call_id, offer=description)


def answer(call_id: str) -> pb.ConnectRequest:
    """Return the request that answers a call."""
    return pb.ConnectRequest(call_id=call_id, answer=pb.SdpAnswer(sdp=sdp(CALLEE_UFRAG)))


def ringing(call_id: str) -> pb.ConnectRequest:
    """Return the request of a device that rings."""
    return pb.ConnectRequest(call_id=call_id, ringing=pb.Ringing())


def connected(call_id: str) -> pb.ConnectRequest:
    """Return the request of a device whose media flows."""
    state = pb.ConnectionState(state=pb.PEER_CONNECTION_STATE_CONNECTED)
    return pb.ConnectRequest(call_id=call_id, connection_state=state)


def hangup(call_id: str) -> pb.ConnectRequest:
    """Return the request that ends a call."""
    return pb.ConnectRequest(call_id=call_id, hangup=pb.Hangup())
