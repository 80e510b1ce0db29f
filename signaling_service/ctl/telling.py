"""What happens in a test call, in words and as JSON. Never a description or a candidate."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from google.protobuf.json_format import MessageToDict
from rich.text import Text
from signaling.v1 import signaling_pb2 as pb

from signaling_service.client import (
    AppMessage,
    Call,
    CallEvent,
    Candidates,
    Ended,
    Lost,
    PeerState,
    Reconnect,
    Refused,
)
from signaling_service.ctl import wording
from signaling_service.ctl.screen import Screen

STYLES: Final = {
    "incoming": "bold cyan",
    "ringing": "magenta",
    "waiting": "magenta",
    "answered": "bold green",
    "won": "bold green",
    "peer_state": "green",
    "candidates": "yellow",
    "reconnect": "bold yellow",
    "away": "yellow",
    "ended": "bold red",
    "lost": "bold red",
    "refused": "bold red",
}
WORD_WIDTH: Final = 10

Told = tuple[str, dict[str, Any]]  # an event in words, and as a record


class Telling:
    """Tells what happens in a call, with the time since it began.

    Args:
        screen: where.
        call: which call.
    """

    def __init__(self, screen: Screen, call: Call) -> None:
        self._screen = screen
        self._call_id = call.call_id
        self._begin = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._begin

    def event(self, event: CallEvent) -> None:
        """Tell an event of the call."""
        words, record = TOLD.get(type(event), _other)(event)
        name = "".join("_" * c.isupper() + c.lower() for c in type(event).__name__)
        self.say(name.lstrip("_"), words, record)

    def say(self, name: str, words: str, record: Mapping[str, Any]) -> None:
        """Tell what has a name, in words and as a record."""
        elapsed = self.elapsed
        shown = Text.assemble(
            (f"{elapsed:8.3f}s  ", "dim"),
            (f"{name.replace('_', ' '):<{WORD_WIDTH}} ", STYLES.get(name, "")),
            words,
        )
        common = {"event": name, "callId": self._call_id, "elapsed": round(elapsed, 6)}
        self._screen.show(common | dict(record), shown)


def _ended(event: Ended) -> Told:
    words = [wording.word(pb.EndReason, event.reason)]
    message = pb.CallEnded(reason=event.reason, ended_by=event.ended_by)
    if event.ended_by is not None:
        words.append(f"by {wording.device(event.ended_by)}")
    if event.text:
        words.append(f"“{wording.safe(event.text)}”")
        message.text = event.text
    if event.replaced_by:
        words.append(f"by call {wording.safe(event.replaced_by)}")
        message.replaced_by = event.replaced_by
    return " ".join(words), MessageToDict(message)


def _lost(event: Lost) -> Told:
    return event.cause.value, {"cause": event.cause.value}


def _refused(event: Refused) -> Told:
    error = pb.RequestError(code=event.code, detail=event.detail)
    code = wording.word(pb.ErrorCode, event.code)
    words = f"{event.request}: {code} {wording.safe(event.detail)}"
    return words, {"request": event.request, **MessageToDict(error)}


def _candidates(event: Candidates) -> Told:
    return str(len(event.candidates)), {"count": len(event.candidates)}


def _reconnect(event: Reconnect) -> Told:
    message = pb.Reconnect(
        role=event.role, attempt=event.attempt, transport_policy=event.transport_policy
    )
    role = wording.word(pb.ReconnectRole, event.role)
    return f"{role}, attempt {event.attempt}", MessageToDict(message)


def _app_message(event: AppMessage) -> Told:
    size = len(event.body)
    words = f"{wording.safe(event.content_type)} {size} bytes"
    return words.strip(), {"contentType": event.content_type, "bytes": size}


def _peer_state(event: PeerState) -> Told:
    return event.state, {"state": event.state}


def _other(event: Any) -> Told:
    """An event that names a device at most."""
    who = getattr(event, "device", None) or getattr(event, "sender", None)
    if who is None:
        return "", {}
    return wording.device(who), {"device": MessageToDict(who)}


TOLD: Final[Mapping[type, Callable[[Any], Told]]] = {
    Ended: _ended,
    Lost: _lost,
    Refused: _refused,
    Candidates: _candidates,
    Reconnect: _reconnect,
    AppMessage: _app_message,
    PeerState: _peer_state,
}
