"""Inputs to begin with: requests and stories as they should be."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from google.protobuf.duration_pb2 import Duration
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Device
from tests.core.names import ALICE, MALLORY, PHONE, TABLET, line, sdp
from tests.fuzz.story import CALL_IDS, DEVICES, HAPPENINGS

Step = tuple[str, Device, int]

CALL: Final[tuple[Step, ...]] = (("offer", ALICE, 6), ("candidates", ALICE, 4))
ANSWERED: Final[tuple[Step, ...]] = (*CALL, ("candidates", PHONE, 0), ("answer", PHONE, 1))
CONNECTED: Final[tuple[Step, ...]] = (*ANSWERED, ("report", ALICE, 2), ("report", PHONE, 2))


def requests() -> Mapping[str, bytes]:
    """A request of every kind, with every field of it."""
    duration = Duration()
    duration.FromTimedelta(timedelta(seconds=20))
    offer = pb.SdpOffer(
        recipient_user_id="bob",
        recipient_device_id="phone",
        sdp=sdp("one"),
        ring_timeout=duration,
        routing=pb.ROUTING_PRIMARY_DEVICE,
        offline_policy=pb.OFFLINE_POLICY_FAIL,
        metadata={"name": "Alice"},
    )
    candidate = pb.IceCandidate(
        candidate=line(ufrag="one"), sdp_mid="0", sdp_m_line_index=0, username_fragment="one"
    )
    payloads = {
        "hello": pb.Hello(session_id="s", agent="app", labels={"os": "x"}),
        "offer": offer,
        "answer": pb.SdpAnswer(sdp=sdp("two"), negotiation=1),
        "candidates": pb.IceCandidates(candidates=[candidate, pb.IceCandidate()]),
        "ringing": pb.Ringing(),
        "reject": pb.Reject(reason=pb.REJECT_REASON_BUSY),
        "hangup": pb.Hangup(text="bye"),
        "connection_state": pb.ConnectionState(state=pb.PEER_CONNECTION_STATE_FAILED),
        "app_message": pb.AppMessage(content_type="text/plain", body=b"hold"),
        "refresh": pb.Refresh(access_token="token"),  # noqa: S106 - none
    }
    seeds = {f"seed-{kind}": _request(**{kind: payload}) for kind, payload in payloads.items()}
    sealed = pb.SdpOffer(recipient_user_id="bob", sealed=b"sealed")
    inside = pb.SdpOffer(sdp=sdp("three"))
    return {
        **seeds,
        "seed-sealed": _request(offer=sealed),
        "seed-reoffer": _request(offer=inside),
        "seed-ack": pb.ConnectRequest(ack=1).SerializeToString(),
    }


def stories() -> Mapping[str, bytes]:
    """Calls as they go."""
    answer = _request(answer=pb.SdpAnswer(sealed=b"x"))
    return {
        "seed-answered": _story(*CONNECTED, ("hangup", PHONE, 1)),
        "seed-cancelled": _story(*CALL, ("ringing", PHONE, 0), ("hangup", ALICE, 0)),
        "seed-race": _story(*CALL, ("answer", TABLET, 0), ("answer", PHONE, 0)),
        "seed-declined": _story(*CALL, ("reject", PHONE, 1)),
        "seed-busy": _story(*CALL, ("reject", PHONE, 3), ("reject", TABLET, 3)),
        "seed-no-answer": _story(*CALL, ("clock", ALICE, 8), ("sweep", ALICE, 0)),
        "seed-restart": _story(
            *CONNECTED, ("report", ALICE, 4), ("reoffer", ALICE, 2), ("answer", PHONE, 2),
            ("candidates", ALICE, 2), ("candidates", ALICE, 1), ("report", ALICE, 2),
        ),
        "seed-glare": _story(*ANSWERED, ("reoffer", PHONE, 2), ("reoffer", ALICE, 3)),
        "seed-lost": _story(
            *CONNECTED, ("drop", PHONE, 0), ("app_message", ALICE, 9), ("resume", PHONE, 0),
            ("ack", PHONE, 4), ("drop", PHONE, 0), ("gone", PHONE, 0),
        ),
        "seed-late": _story(
            ("gone", PHONE, 0), *CALL, ("connect", PHONE, 0), ("connect", PHONE, 0),
        ),
        "seed-failing": _story(*CONNECTED, *[("report", ALICE, 4), ("clock", ALICE, 7)] * 4),
        "seed-stranger": _story(*CALL, ("answer", MALLORY, 0), ("hangup", MALLORY, 0)),
        "seed-raw": _story(*CALL) + _step("raw", PHONE, len(answer)) + answer,
        "seed-crossing": _story(("offer", ALICE, 21)) + _step("offer", PHONE, 20, 1),
    }  # fmt: skip


def _request(**payload: object) -> bytes:
    request = pb.ConnectRequest(seq=1, ack=1, call_id="a", **payload)  # type: ignore[arg-type]
    return request.SerializeToString()


def _story(*steps: Step) -> bytes:
    return b"".join(_step(*each) for each in steps)


def _step(happening: str, device: Device, how: int, call: int = 0) -> bytes:
    assert call < len(CALL_IDS)
    return bytes([HAPPENINGS.index(happening), DEVICES.index(device) + 5 * call, how])
