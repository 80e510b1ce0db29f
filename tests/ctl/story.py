"""A trace in the words of a test: who did what when, and what was sent for it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from signaling.v1 import calls_pb2 as calls
from signaling.v1 import signaling_pb2 as pb

BEGIN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LAPTOP = pb.Device(user_id="alice", device_id="laptop")
PHONE = pb.Device(user_id="bob", device_id="phone")
TABLET = pb.Device(user_id="bob", device_id="tablet")


def entry(
    at: float, sender: pb.Device | None, kind: str, *sent: calls.CallTraceDelivery, **fields: Any
) -> calls.CallTraceEntry:
    """What happened so many seconds after the offer."""
    time = Timestamp()
    time.FromDatetime(BEGIN + timedelta(seconds=at))
    return calls.CallTraceEntry(time=time, sender=sender, kind=kind, deliveries=sent, **fields)


def to(
    device: pb.Device, kind: str, acked_after: float | None = 0.002, *, dropped: bool = False
) -> calls.CallTraceDelivery:
    """A message for a device, which acknowledged it after so many seconds, or has not."""
    delivery = calls.CallTraceDelivery(device=device, kind=kind, dropped=dropped)
    if acked_after is not None:
        delivery.acked_after.FromTimedelta(timedelta(seconds=acked_after))
    return delivery


def trace(*entries: calls.CallTraceEntry, truncated: bool = False) -> calls.GetCallTraceResponse:
    """All of it."""
    return calls.GetCallTraceResponse(entries=entries, truncated=truncated)
