"""What is kept of how a call went, and how it is told: steps, and what was delivered for them.

A step and what it queued for devices have the same stamp: microseconds, and no two steps of a
backend have the same. Candidates of an answered call are no steps that are kept; what was
delivered says that there was one.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from signaling.v1 import calls_pb2 as calls
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Device, State, Traced
from signaling_service.core.news import MICROS, duration, timestamp

FIRST_KEPT: Final = 200  # records of a call: how it came about
LAST_KEPT: Final = 300  # and how it ended; a call may be a day long
TRACE_MEMORY: Final = 3600.0  # s; after the end of the call


class Kept(NamedTuple):
    """A step."""

    stamp: int
    step: Traced


class Delivered(NamedTuple):
    """A message for a device; `acked_at` in microseconds, None if it never was or is not yet."""

    stamp: int
    device: Device
    kind: str
    seq: int
    acked_at: int | None = None
    is_dropped: bool = False


Record = Kept | Delivered


def record_of(step: Traced) -> str:
    """A step as text, behind its stamp."""
    user_id, device_id = step.sender or ("", "")
    return f"{user_id} {device_id} {step.kind} {step.state:d} {step.reason:d} {step.error:d}"


def record_from(data: bytes) -> Record:
    """What `record_of` wrote, or what a script has noted: see `lua/lib.lua`."""
    mark, stamp, user_id, device_id, kind, *rest = data.decode().split(" ")
    device = Device(user_id, device_id) if user_id else None
    if mark == "s":
        state, reason, error = map(int, rest)
        return Kept(int(stamp), Traced(kind, device, State(state), reason, error))
    seq, acked_at = rest
    if device is None:
        raise AssertionError("what is delivered is delivered to a device")
    at = int(acked_at) if acked_at else None
    return Delivered(int(stamp), device, kind, int(seq), at, is_dropped=mark == "x")


def told(
    records: Iterable[Record], pending: Iterable[Delivered], *, is_truncated: bool
) -> calls.GetCallTraceResponse:
    """A trace as services get it; `pending` is what devices have yet to acknowledge.

    What was acknowledged while somebody looked may be in both.
    """
    steps: dict[int, list[Traced]] = {}
    deliveries: dict[int, dict[tuple[Device, int], Delivered]] = {}
    for record in [*pending, *records]:
        if isinstance(record, Kept):
            steps.setdefault(record.stamp, []).append(record.step)
        else:
            deliveries.setdefault(record.stamp, {})[record.device, record.seq] = record
    sides = _sides(step for each in steps.values() for step in each)
    entries: list[calls.CallTraceEntry] = []
    state = State.NEW
    for stamp in sorted({*steps, *deliveries}):
        sent = sorted(deliveries.get(stamp, {}).values(), key=lambda each: (each.device, each.seq))
        taken = steps.get(stamp) or [_relayed(sent[0], sides, state)]
        entries += [_entry(stamp, step) for step in taken]
        entries[-1].deliveries.extend(_delivery(each) for each in sent)
        state = taken[-1].state
    return calls.GetCallTraceResponse(entries=entries, truncated=is_truncated)


def _sides(steps: Iterable[Traced]) -> Sequence[Device]:
    """The caller and the callee, as far as the steps tell."""
    by_kind: dict[str, Device] = {}
    for step in steps:
        if step.sender is not None and not step.error and step.kind in ("offer", "answer"):
            by_kind.setdefault(step.kind, step.sender)
    return list(by_kind.values())


def _relayed(sent: Delivered, sides: Sequence[Device], state: State) -> Traced:
    """The step that has left nothing but what it delivered: one side's, for the other."""
    senders = [side for side in sides if side != sent.device]
    return Traced(sent.kind, senders[0] if senders else None, state, 0, 0)


def _entry(stamp: int, step: Traced) -> calls.CallTraceEntry:
    return calls.CallTraceEntry(
        time=timestamp(stamp / MICROS),
        sender=step.sender.message() if step.sender else None,
        kind=step.kind,
        state=pb.CallState.ValueType(step.state),
        reason=pb.EndReason.ValueType(step.reason),
        error=pb.ErrorCode.ValueType(step.error),
    )


def _delivery(sent: Delivered) -> calls.CallTraceDelivery:
    acked_at = sent.acked_at
    after = None if acked_at is None else duration((acked_at - sent.stamp) / MICROS)
    return calls.CallTraceDelivery(
        device=sent.device.message(),
        kind=sent.kind,
        seq=sent.seq,
        acked_after=after,
        dropped=sent.is_dropped,
    )
