"""The people of the tests, their devices, and when it all begins."""

from typing import Final

from signaling_service.core.model import Device

START: Final = 1_000.0  # s; when calls begin
SESSION: Final = 1
CALL_ID: Final = "call-1"

BOB: Final = "bob"
ALICE: Final = Device("alice", "laptop")
ALICES_PHONE: Final = Device("alice", "phone")
PHONE: Final = Device(BOB, "phone")
TABLET: Final = Device(BOB, "tablet")
WATCH: Final = Device(BOB, "watch")
MALLORY: Final = Device("mallory", "phone")


def sdp(ufrag: str = "", name: str = "-") -> str:
    """A session description, with an ICE generation if one is named."""
    generation = f"a=ice-ufrag:{ufrag}\r\n" if ufrag else ""
    return f"v=0\r\no={name} 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n{generation}"


def line(port: int = 9, ufrag: str = "") -> str:
    """A candidate line, with its generation if one is named."""
    generation = f" ufrag {ufrag} network-cost 10" if ufrag else ""
    return f"candidate:1 1 udp 2122260223 192.0.2.1 {port} typ host generation 0{generation}"


CALLERS_SDP: Final = sdp("caller-1")
CALLEES_SDP: Final = sdp("callee-1")
RESTART_SDP: Final = sdp("restart-1")
