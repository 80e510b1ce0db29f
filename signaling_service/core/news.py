"""What other services are told of a call, worked out from how it was and how it is.

A call has five events: they are filled in place, without the well-known types' own
methods and without messages that are copied, which takes a third of the time.
"""

from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from signaling.v1 import calls_pb2 as calls
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Call, Device, State

MICROS: Final = 1_000_000  # a second's
NANOS: Final = 1_000  # a microsecond's


def events_of(
    before: Call | None, after: Call | None, now: float
) -> tuple[calls.SignalingEvent, ...]:
    """The events of one step, in order, yet without a cursor.

    A call that must not be noticed by its callee rings nobody: nothing is pending, and
    nothing settled. One that never rang, because it ended at once, only ends.
    """
    if after is None or (before is not None and before.state is after.state):
        return ()
    was = State.NEW if before is None else before.state
    happened = []
    if was is State.NEW and after.offer is not None and not after.is_barred:
        happened.append(_pending(after, after.offer, now))
    if was is State.RINGING and not after.is_barred:
        happened.append(_settled(after, now))
    if was is State.RINGING and after.callee is not None:
        happened.append(_answered(after, now))
    if before is not None and before.times.connected_at != after.times.connected_at:
        happened.append(_connected(after, now))
    if after.ended is not None:
        happened.append(_ended(after, after.ended, now))
    return tuple(happened)


def presence_event(device: Device, now: float, *, is_connected: bool) -> calls.SignalingEvent:
    """A device has a stream, or has none any more."""
    event = _event(now)
    name(
        event.device_connected.device if is_connected else event.device_disconnected.device, device
    )
    return event


def timestamp(seconds: float) -> Timestamp:
    """A point in time on the wire, to the microsecond."""
    stamp = Timestamp()
    set_time(stamp, seconds)
    return stamp


def optional_timestamp(seconds: float | None) -> Timestamp | None:
    """A point in time on the wire, if it has come."""
    return None if seconds is None else timestamp(seconds)


def duration(seconds: float) -> Duration:
    """A span on the wire, to the microsecond; never below zero."""
    span = Duration()
    set_time(span, max(seconds, 0.0))
    return span


def set_time(field: Timestamp | Duration, seconds: float) -> None:
    """Fill in a point in time, or a span that is not negative."""
    field.seconds, micros = divmod(round(seconds * MICROS), MICROS)
    field.nanos = micros * NANOS


def name(field: pb.Device, device: Device) -> None:
    """Fill in a device."""
    field.user_id, field.device_id = device


def _event(now: float) -> calls.SignalingEvent:
    event = calls.SignalingEvent()
    set_time(event.time, now)
    return event


def _pending(call: Call, offer: pb.SdpOffer, now: float) -> calls.SignalingEvent:
    event = _event(now)
    about = event.offer_pending
    about.call_id = call.call_id
    name(about.caller, call.caller.device)
    about.recipient_user_id = call.callee_user_id
    if offer.HasField("recipient_device_id"):
        about.recipient_device_id = offer.recipient_device_id
    about.metadata.update(offer.metadata)
    set_time(about.time_left, call.ring_deadline - now)
    for device in call.legs:
        name(about.reached.add(), device)
    return event


def _settled(call: Call, now: float) -> calls.SignalingEvent:
    event = _event(now)
    about = event.offer_settled
    about.call_id = call.call_id
    name(about.caller, call.caller.device)
    about.recipient_user_id = call.callee_user_id
    if call.callee is not None:
        name(about.answered_by, call.callee.device)
    if call.ended is not None:
        about.reason = call.ended.reason
    return event


def _answered(call: Call, now: float) -> calls.SignalingEvent:
    event = _event(now)
    about = event.call_answered
    about.call_id = call.call_id
    _name_sides(about, call)
    _between(about.ring_duration, call.created_at, call.times.answered_at)
    return event


def _connected(call: Call, now: float) -> calls.SignalingEvent:
    event = _event(now)
    about = event.call_connected
    about.call_id = call.call_id
    _name_sides(about, call)
    _between(about.setup_duration, call.times.answered_at, call.times.connected_at)
    return event


def _ended(call: Call, ended: pb.CallEnded, now: float) -> calls.SignalingEvent:
    event, times = _event(now), call.times
    about = event.call_ended
    about.call_id = call.call_id
    _name_sides(about, call)
    about.callee_user_id = call.callee_user_id
    about.reason = ended.reason
    if ended.HasField("ended_by"):
        about.ended_by.CopyFrom(ended.ended_by)
    set_time(about.create_time, call.created_at)
    _between(about.ring_duration, call.created_at, times.answered_at or times.ended_at)
    if times.answered_at is not None:
        set_time(about.answer_time, times.answered_at)
        _between(about.talk_duration, times.answered_at, times.ended_at)
    if times.connected_at is not None:
        set_time(about.connect_time, times.connected_at)
    about.barred = call.is_barred
    return event


Sides = calls.CallAnsweredEvent | calls.CallConnectedEvent | calls.CallEndedEvent


def _name_sides(about: Sides, call: Call) -> None:
    name(about.caller, call.caller.device)
    if call.callee is not None:
        name(about.callee, call.callee.device)


def _between(field: Duration, start: float | None, end: float | None) -> None:
    """The span between two times that have come."""
    set_time(field, (end or 0.0) - (start or 0.0))
