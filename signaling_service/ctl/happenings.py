"""What happens, a line or a few for each event."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from rich.table import Table
from rich.text import Text
from signaling.v1 import calls_pb2 as calls_pb
from signaling.v1 import signaling_pb2 as pb

from signaling_service.ctl import wording

STYLES: Final = {
    "offer_pending": "magenta",
    "offer_settled": "dim",
    "call_answered": "green",
    "call_connected": "bold green",
    "call_ended": "red",
    "device_connected": "cyan",
    "device_disconnected": "yellow",
}
TIME_WIDTH: Final = 12
WIDE: Final = 132  # columns; then a call's id fits beside
KIND_WIDTH: Final = 19  # device_disconnected


def row(event: calls_pb.SignalingEvent, width: int) -> Table | None:
    """An event for so many columns; one that only has a cursor is for programs."""
    kind = event.WhichOneof("event")
    if kind is None:
        return None
    line = Table.grid(padding=(0, 1))
    line.add_column(width=TIME_WIDTH)
    line.add_column(width=KIND_WIDTH)
    line.add_column(overflow="fold")
    what = getattr(event, kind)
    line.add_row(
        Text(wording.clock(event.time), "dim"),
        Text(kind, STYLES.get(kind, "")),
        Text.assemble(TOLD[kind](what), _call_id(what, width)),
    )
    return line


def _settled(what: calls_pb.OfferSettledEvent) -> str:
    end = wording.word(pb.EndReason, what.reason)
    if what.HasField("answered_by"):
        end = f"answered by {wording.device(what.answered_by)}"
    return f"{wording.device(what.caller)} → {wording.safe(what.recipient_user_id)}, {end}"


def _answered(what: calls_pb.CallAnsweredEvent) -> str:
    return f"{_parties(what)} after {_span(what.ring_duration)}"


def _connected(what: calls_pb.CallConnectedEvent) -> str:
    return f"{_parties(what)} {_span(what.setup_duration)} after the answer"


def _call_id(what: Any, width: int) -> tuple[str, str]:
    """The id of an event's call, if it has one: where there is room in the same line."""
    call_id = wording.safe(getattr(what, "call_id", ""))
    if not call_id:
        return "", ""
    return ("\n" if width < WIDE else " ") + call_id, "dim"


def _pending(what: calls_pb.OfferPendingEvent) -> str:
    callee = pb.Device(user_id=what.recipient_user_id, device_id=what.recipient_device_id)
    reached = ", ".join(wording.safe(each.device_id) for each in what.reached) or "nobody"
    metadata = f" {wording.pairs(what.metadata)}" if what.metadata else ""
    return (
        f"{wording.device(what.caller)} → {wording.device(callee)}, rings {_span(what.time_left)}, "
        f"reached {reached}{metadata}"
    )


def _ended(what: calls_pb.CallEndedEvent) -> str:
    has_callee = what.HasField("callee")
    callee = what.callee if has_callee else pb.Device(user_id=what.callee_user_id)
    words = [
        f"{wording.device(what.caller)} → {wording.device(callee)}",
        wording.word(pb.EndReason, what.reason),
    ]
    if what.HasField("ended_by"):
        words.append(f"by {wording.device(what.ended_by)}")
    if what.HasField("talk_duration"):
        words.append(f"after {_span(what.talk_duration)}")
    if what.barred:
        words.append("(barred)")
    return " ".join(words)


def _parties(what: Any) -> str:
    return f"{wording.device(what.caller)} → {wording.device(what.callee)}"


def _span(length: Any) -> str:
    return wording.span(wording.seconds(length))


# an event in words, without its call's id
TOLD: Final[Mapping[str, Callable[[Any], str]]] = {
    "offer_pending": _pending,
    "offer_settled": _settled,
    "call_answered": _answered,
    "call_connected": _connected,
    "call_ended": _ended,
    "device_connected": lambda what: wording.device(what.device),
    "device_disconnected": lambda what: wording.device(what.device),
}
