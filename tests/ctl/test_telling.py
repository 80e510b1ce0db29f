"""What is told of a test call: every kind of event, in words and as a record."""

import io
import json

import pytest
from rich.console import Console
from signaling.v1 import signaling_pb2 as pb

from signaling_service.client import (
    AppMessage,
    Away,
    Call,
    CallEvent,
    Candidates,
    Cause,
    Ended,
    Lost,
    Reconnect,
    Refused,
    Waiting,
)
from signaling_service.ctl.screen import Screen
from signaling_service.ctl.telling import Telling

PHONE = pb.Device(user_id="bob", device_id="phone")
ERROR = pb.RequestError(code=pb.ERROR_CODE_GLARE, detail="an offer is open")
RELAY = pb.TRANSPORT_POLICY_RELAY
EVENTS: dict[str, tuple[CallEvent, str, dict[str, object]]] = {
    "waiting": (Waiting(), "waiting", {}),
    "away": (Away(PHONE), "away bob/phone", {"device": {"userId": "bob", "deviceId": "phone"}}),
    "candidates": (Candidates((pb.IceCandidate(candidate="x"),)), "candidates 1", {"count": 1}),
    "app_message": (
        AppMessage(b"secret", "text/\x1b[1m"),
        "app message text/\\x1b[1m 6 bytes",
        {"contentType": "text/\x1b[1m", "bytes": 6},
    ),
    "reconnect": (
        Reconnect(pb.RECONNECT_ROLE_OFFER, 2, RELAY, ()),
        "reconnect OFFER, attempt 2",
        {
            "role": "RECONNECT_ROLE_OFFER",
            "attempt": 2,
            "transportPolicy": "TRANSPORT_POLICY_RELAY",
        },
    ),
    "refused": (
        Refused("offer", ERROR.code, ERROR.detail, ERROR),
        "refused offer: GLARE an offer is open",
        {"request": "offer", "code": "ERROR_CODE_GLARE", "detail": "an offer is open"},
    ),
    "ended": (
        Ended(pb.END_REASON_REPLACED, PHONE, "[red]\x07bye", "another"),
        "ended REPLACED by bob/phone “[red]\\x07bye” by call another",
        {
            "reason": "END_REASON_REPLACED",
            "endedBy": {"userId": "bob", "deviceId": "phone"},
            "text": "[red]\x07bye",
            "replacedBy": "another",
        },
    ),
    "lost": (Lost(Cause.SESSION), "lost session", {"cause": "session"}),
}


def told(event: CallEvent, *, is_json: bool) -> str:
    """The line that an event is."""
    screen = Screen(is_json=is_json)
    screen.out = Console(file=io.StringIO(), width=80, markup=False)
    Telling(screen, Call("some-call", pb.SdpOffer(), lambda _request: None)).event(event)
    assert isinstance(screen.out.file, io.StringIO)
    return screen.out.file.getvalue()


@pytest.mark.parametrize("name", EVENTS)
def test_in_words(name: str) -> None:
    """What it is and whom it concerns; what others have written is escaped."""
    event, words, _ = EVENTS[name]

    assert " ".join(told(event, is_json=False).split()[1:]) == words


@pytest.mark.parametrize("name", EVENTS)
def test_as_a_record(name: str) -> None:
    """With the protocol's names, in a line of plain ASCII."""
    event, _, record = EVENTS[name]

    line = told(event, is_json=True)

    found = json.loads(line)
    assert found.pop("elapsed") >= 0
    assert found == {"event": name, "callId": "some-call", **record}
    assert line.isascii()
    assert line.rstrip("\n").isprintable()
