"""The story of a call as every device saw it, to be read by who looks for a mistake."""

from collections.abc import Iterator

from signaling.v1 import signaling_pb2 as pb

from tests.faults.ledger import Entry, Heard, Ledger, Noted, Sent


def story(ledger: Ledger, call_id: str) -> str:
    """What happened in a call, a line each, in the order of time."""
    return "\n".join(_lines(ledger, call_id))


def open_calls(ledger: Ledger) -> list[str]:
    """The calls whose end some device that was told of them has not heard."""
    told: dict[tuple[str, str], bool] = {}
    for entry in ledger.entries:
        if isinstance(entry, Heard) and not entry.response.HasField("error"):
            key = (entry.response.call_id, entry.device)
            told[key] = told.get(key, False) or entry.response.HasField("ended")
        elif isinstance(entry, Sent):
            told.setdefault((entry.request.call_id, entry.device), False)
    return list(dict.fromkeys(call_id for (call_id, _), is_over in told.items() if not is_over))


def _lines(ledger: Ledger, call_id: str) -> Iterator[str]:
    entries = list(ledger.of_call(call_id))
    yield f"call {call_id}"
    for entry in entries:
        yield f"{entry.at - entries[0].at:9.3f} s {entry.device:16} {_what(entry)}"


def _what(entry: Entry) -> str:
    match entry:
        case Sent(request=request):
            return f"→ {request.seq:4} {_payload(request)}{_fate(entry)}"
        case Heard(response=response):
            return f"← {response.seq:4} {_payload(response)}"
        case Noted(text=text):
            return f"· {text}"


def _fate(sent: Sent) -> str:
    """What became of a request."""
    fate = f" (written {sent.written} times" if sent.written != 1 else " ("
    fate += "" if sent.is_acknowledged else " not acknowledged"
    fate += " reported" if sent.is_reported else ""
    if sent.refusal is not None:
        fate += f" {pb.ErrorCode.Name(sent.refusal.code)}"
    return f"{fate})" if fate != " (" else ""


def _payload(message: pb.ConnectRequest | pb.ConnectResponse) -> str:
    """The payload in a line, without what all descriptions have in common."""
    kind = message.WhichOneof("payload") or "nothing"
    match kind:
        case "offer" | "answer":
            sdp = message.offer.sdp or message.answer.sdp
            text = sdp.rpartition("ufrag:")[2].strip()
        case "candidates":
            lines = [line.candidate.split() for line in message.candidates.candidates]
            text = f"{[line[0].partition(':')[2] for line in lines]} of {lines[0][-1]}"
        case "app_message":
            text = message.app_message.body.decode()
        case _:
            text = " ".join(str(getattr(message, kind, "")).split())
    if isinstance(message, pb.ConnectResponse) and message.HasField("sender"):
        text += f" from {message.sender.user_id}/{message.sender.device_id}"
    return f"{kind} {text}"
