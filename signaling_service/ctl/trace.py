"""`trace`: what happened in a call, as a ladder."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final

import typer
from rich.text import Text
from signaling.v1 import calls_pb2 as calls_pb
from signaling.v1 import signaling_pb2 as pb

from signaling_service.ctl import wording
from signaling_service.ctl.command import Terminal
from signaling_service.ctl.complaints import DONE
from signaling_service.ctl.connection import RPC_TIMEOUT
from signaling_service.ctl.ladder import Ladder

SERVICE: Final = "service"
NOTES: Final = 10  # columns, for "✓ 999 ms"
KEPT_AT_FIRST: Final = 200  # entries; of a long call these are kept, and the last ones
LONG: Final = 1000  # s; then milliseconds do not matter
STYLES: Final = {
    "offer": "bold cyan",
    "answer": "bold cyan",
    "candidates": "yellow",
    "ringing": "magenta",
    "progress": "magenta",
    "connection_state": "green",
    "reconnect": "bold yellow",
    "app_message": "cyan",
    "reject": "red",
    "hangup": "red",
    "ended": "red",
    "error": "bold red",
}
SHORT: Final = {"connection_state": "state", "app_message": "message", "candidates": "cands"}
# what nobody sent: it happens to a device, or in the service
HAPPENINGS: Final = {
    "deadline": "timer",
    "attached": "stream back",
    "detached": "stream lost",
    "gone": "session over",
    "overflow": "not listening",
    "terminate": "ended by a service",
}

CallId = Annotated[str, typer.Argument(metavar="CALL", help="The call's id.", show_default=False)]


async def trace(terminal: Terminal, call: CallId) -> int:
    """Draw what happened in a call: who sent what when, and when it was acknowledged."""
    wanted = calls_pb.GetCallTraceRequest(call_id=call)
    async with terminal.connection.calls() as stub:
        response = await stub.GetCallTrace(
            wanted, metadata=terminal.connection.metadata, timeout=RPC_TIMEOUT
        )
    for entry in response.entries:
        terminal.screen.show(entry, None)
    if response.truncated and terminal.screen.is_json:  # the ladder has a mark there
        terminal.screen.note(f"what happened after the first {KEPT_AT_FIRST} steps is not all kept")
    for line in drawing(response, max(80, terminal.screen.out.width)):
        terminal.screen.say(line)
    return DONE


def drawing(response: calls_pb.GetCallTraceResponse, width: int = 80) -> Iterator[Text]:
    """The ladder of a call, line by line."""
    entries = response.entries
    if not entries:
        yield Text("nothing is known of it")
        return
    story = _Story(entries, width)
    yield from story.ladder.header()
    for index, entry in enumerate(entries):
        if response.truncated and index == KEPT_AT_FIRST:
            yield story.ladder.mark(SERVICE, "⋮ more than is kept", "dim").line()
        yield from story.tell(entry)
    yield story.ladder.gap().line()
    yield summary(entries)


class _Story:
    """Draws entry after entry."""

    def __init__(self, entries: Sequence[calls_pb.CallTraceEntry], width: int) -> None:
        caller, *others = _devices(entries) or [""]
        self.ladder = Ladder([caller, SERVICE, *others], width, NOTES)
        self._begin = wording.moment(entries[0].time)
        self._state = pb.CALL_STATE_UNSPECIFIED

    def tell(self, entry: calls_pb.CallTraceEntry) -> Iterator[Text]:
        """What happened, what came of it, and what was sent for it."""
        time = _elapsed(wording.moment(entry.time) - self._begin)
        yield self._cause(entry, time)
        if entry.error:
            refusal = f"✗ {wording.word(pb.ErrorCode, entry.error)}"
            yield self.ladder.mark(SERVICE, refusal, "bold red").line()
        if entry.state not in (self._state, pb.CALL_STATE_UNSPECIFIED):
            self._state = entry.state
            yield self._change(entry)
        for delivery in entry.deliveries:
            style, label = STYLES.get(delivery.kind, ""), self._label(delivery.kind)
            row = self.ladder.arrow(SERVICE, _name(delivery.device), label, style)
            yield row.line("", *_acked(delivery))

    def _cause(self, entry: calls_pb.CallTraceEntry, time: str) -> Text:
        has_sender = entry.HasField("sender")
        where = _name(entry.sender) if has_sender else SERVICE
        if entry.kind in HAPPENINGS or not has_sender:
            what = f"◆ {HAPPENINGS.get(entry.kind, wording.safe(entry.kind))}"
            return self.ladder.mark(where, what, "bold yellow").line(time)
        style = "red" if entry.error else STYLES.get(entry.kind, "")
        return self.ladder.arrow(where, SERVICE, self._label(entry.kind), style).line(time)

    def _change(self, entry: calls_pb.CallTraceEntry) -> Text:
        change = f"● {wording.word(pb.CallState, entry.state)}"
        if entry.reason:
            change += f" {wording.word(pb.EndReason, entry.reason)}"
        return self.ladder.mark(SERVICE, change, "bold").line()

    def _label(self, kind: str) -> str:
        """What a message is called, in what room there is."""
        name = wording.safe(kind)
        if len(name) >= self.ladder.label_width:  # then it would stand without a space
            name = SHORT.get(kind, name)[: self.ladder.label_width]
        return name


def summary(entries: Sequence[calls_pb.CallTraceEntry]) -> Text:
    """How the call stands, and what of its messages was acknowledged."""
    seconds = wording.moment(entries[-1].time) - wording.moment(entries[0].time)
    state = wording.word(pb.CallState, entries[-1].state)
    reasons = [wording.word(pb.EndReason, each.reason) for each in entries if each.reason]
    deliveries = [each for entry in entries for each in entry.deliveries]
    acked = [wording.seconds(each.acked_after) for each in deliveries if _is_acked(each)]
    words = " ".join([state, *reasons[-1:], "after", wording.span(seconds)])
    if acked:
        words += f"; {len(acked)} acknowledged within {wording.span(max(acked))}"
    if unacked := len(deliveries) - len(acked):
        words += f"{', ' if acked else '; '}{unacked} not"
    return Text(words, "bold")


def _devices(entries: Sequence[calls_pb.CallTraceEntry]) -> list[str]:
    """The devices of the call, the caller first; those of a user stand together."""
    found: dict[tuple[str, str], None] = {}
    for entry in entries:
        senders = [entry.sender] if entry.HasField("sender") else []
        for who in (*senders, *(each.device for each in entry.deliveries)):
            found[who.user_id, who.device_id] = None
    users = list(dict.fromkeys(user_id for user_id, _ in found))
    ordered = sorted(found, key=lambda who: users.index(who[0]))
    return [
        _name(pb.Device(user_id=user_id, device_id=device_id)) for user_id, device_id in ordered
    ]


def _name(who: pb.Device) -> str:
    """A device in two lines: a column is narrow."""
    return f"{wording.safe(who.user_id)}\n{wording.safe(who.device_id)}"


def _is_acked(delivery: calls_pb.CallTraceDelivery) -> bool:
    return delivery.HasField("acked_after")


def _acked(delivery: calls_pb.CallTraceDelivery) -> tuple[str, str]:
    """The note beside a delivery, and its style."""
    if _is_acked(delivery):
        return f"✓ {wording.span(wording.seconds(delivery.acked_after))}", "dim"
    if delivery.dropped:
        return "✗ dropped", "red"
    return "… no ack", "yellow"


def _elapsed(seconds: float) -> str:
    """When it was, in eight columns and a space."""
    if seconds < LONG:
        return f"{seconds:7.3f}s "
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}h{minutes:02d}m{rest:02d}s" if hours else f"{minutes}m{rest:02d}s"
    return f"{text:>8} "
