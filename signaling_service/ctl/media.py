"""What test devices have instead of media: descriptions and candidates that look real.

Nothing listens at the addresses: they are those of examples (RFC 5737).
"""

import secrets
from typing import Final

from signaling.v1 import signaling_pb2 as pb

HOST: Final = "192.0.2.{n} {port} typ host"
REFLEXIVE: Final = "198.51.100.{n} {port} typ srflx raddr 192.0.2.{n} rport {port}"
RELAYED: Final = "203.0.113.{n} {port} typ relay raddr 198.51.100.{n} rport {port}"
KINDS: Final = ((2122260223, HOST), (1686052607, REFLEXIVE), (41885439, RELAYED))
FIRST_PORT: Final = 49_152
DESCRIPTION: Final = (
    "v=0",
    "o=- {session} 2 IN IP4 127.0.0.1",
    "s=-",
    "t=0 0",
    "a=group:BUNDLE 0",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8 110",
    "c=IN IP4 0.0.0.0",
    "a=rtcp:9 IN IP4 0.0.0.0",
    "a=ice-ufrag:{ufrag}",
    "a=ice-pwd:{password}",
    "a=ice-options:trickle",
    "a=fingerprint:sha-256 {fingerprint}",
    "a=setup:actpass",
    "a=mid:0",
    "a=sendrecv",
    "a=rtcp-mux",
    "a=rtpmap:111 opus/48000/2",
    "a=fmtp:111 minptime=10;useinbandfec=1",
    "a=rtpmap:0 PCMU/8000",
    "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:110 telephone-event/48000",
)


class Media:
    """What one side of a call would have gathered."""

    def __init__(self) -> None:
        self._ufrag = ""

    def description(self) -> str:
        """A new description, with an ICE generation of its own."""
        self._ufrag = secrets.token_hex(2)
        return "".join(f"{line}\r\n" for line in DESCRIPTION).format(
            session=secrets.randbits(62),
            ufrag=self._ufrag,
            password=secrets.token_hex(12),
            fingerprint=secrets.token_bytes(32).hex(":").upper(),
        )

    def candidates(self, count: int) -> list[pb.IceCandidate]:
        """Candidates of the newest description, and the word that there are no more."""
        lines = [self._line(number) for number in range(count)]
        return [
            pb.IceCandidate(
                candidate=line, sdp_mid="0", sdp_m_line_index=0, username_fragment=self._ufrag
            )
            for line in (*lines, "")
        ]

    def _line(self, number: int) -> str:
        priority, address = KINDS[number % len(KINDS)]
        where = address.format(n=number % 254 + 1, port=FIRST_PORT + number)
        return f"candidate:{number + 1} 1 udp {priority} {where} ufrag {self._ufrag}"
