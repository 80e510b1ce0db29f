"""What other services are told of a call, worked out from how it was and how it is."""

from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from signaling.v1 import calls_pb2 as calls
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Call, Device, State

MICROS: Final = 1_000_000  # a second's


def events_of(
    before: Call | None, after: Call | None, now: float
) -> tuple[calls.SignalingEvent, ...]:
    """The events of one step, in order, yet without a cursor.

    A call that must not be noticed by its callee rings nobody: nothing is pending, and
    nothing settled. One that never rang, because it ended at once, only ends.
    """
    if after is None or (before is not None and before.state is after.state):
        return ()
    time, happened = timestamp(now), []
    was = State.NEW if before is None else before.state
    if was is State.NEW and after.offer is not None and not after.is_barred:
        pending = _pending(after, after.offer, now)
        happened.append(calls.SignalingEvent(time=time, offer_pending=pending))
    if was is State.RINGING and not after.is_barred:
        happened.append(calls.SignalingEvent(time=time, offer_settled=_settled(after)))
    if was is State.RINGING and after.callee is not None:
        happened.append(calls.SignalingEvent(time=time, call_answered=_answered(after)))
    if before is not None and before.times.connected_at != after.times.connected_at:
        happened.append(calls.SignalingEvent(time=time, call_connected=_connected(after)))
    if after.ended is not None:
        over = _ended(after, after.ended)
        happened.append(calls.SignalingEvent(time=time, call_ended=over))
    return tuple(happened)


def presence_event(device: Device, now: float, *, is_connected: bool) -> calls.SignalingEvent:
    """A device has a stream, or has none any more."""
    time, who = timestamp(now), device.message()
    if is_connected:
        return calls.SignalingEvent(
            time=time, device_connected=calls.DeviceConnectedEvent(device=who)
        )
    return calls.SignalingEvent(
        time=time, device_disconnected=calls.DeviceDisconnectedEvent(device=who)
    )


def timestamp(seconds: float) -> Timestamp:
    """A point in time on the wire, to the microsecond."""
    stamp = Timestamp()
    stamp.FromMicroseconds(round(seconds * MICROS))
    return stamp


def duration(seconds: float) -> Duration:
    """A span on the wire, to the microsecond; never below zero."""
    span = Duration()
    span.FromMicroseconds(max(round(seconds * MICROS), 0))
    return span


def _pending(call: Call, offer: pb.SdpOffer, now: float) -> calls.OfferPendingEvent:
    named = offer.recipient_device_id if offer.HasField("recipient_device_id") else None
    return calls.OfferPendingEvent(
        call_id=call.call_id,
        caller=call.caller.device.message(),
        recipient_user_id=call.callee_user_id,
        recipient_device_id=named,
        metadata=offer.metadata,
        time_left=duration(call.ring_deadline - now),
        reached=[device.message() for device in call.legs],
    )


def _settled(call: Call) -> calls.OfferSettledEvent:
    return calls.OfferSettledEvent(
        call_id=call.call_id,
        caller=call.caller.device.message(),
        recipient_user_id=call.callee_user_id,
        answered_by=_callee(call),
        reason=call.ended.reason if call.ended else pb.END_REASON_UNSPECIFIED,
    )


def _answered(call: Call) -> calls.CallAnsweredEvent:
    return calls.CallAnsweredEvent(
        call_id=call.call_id,
        caller=call.caller.device.message(),
        callee=_callee(call),
        ring_duration=_between(call.created_at, call.times.answered_at),
    )


def _connected(call: Call) -> calls.CallConnectedEvent:
    return calls.CallConnectedEvent(
        call_id=call.call_id,
        caller=call.caller.device.message(),
        callee=_callee(call),
        setup_duration=_between(call.times.answered_at, call.times.connected_at),
    )


def _ended(call: Call, ended: pb.CallEnded) -> calls.CallEndedEvent:
    times = call.times
    return calls.CallEndedEvent(
        call_id=call.call_id,
        caller=call.caller.device.message(),
        callee_user_id=call.callee_user_id,
        callee=_callee(call),
        reason=ended.reason,
        ended_by=ended.ended_by if ended.HasField("ended_by") else None,
        create_time=timestamp(call.created_at),
        answer_time=optional_timestamp(times.answered_at),
        connect_time=optional_timestamp(times.connected_at),
        ring_duration=_between(call.created_at, times.answered_at or times.ended_at),
        talk_duration=_between(times.answered_at, times.ended_at),
        barred=call.is_barred,
    )


def optional_timestamp(seconds: float | None) -> Timestamp | None:
    """A point in time on the wire, if it has come."""
    return None if seconds is None else timestamp(seconds)


def _between(start: float | None, end: float | None) -> Duration | None:
    return None if start is None or end is None else duration(end - start)


def _callee(call: Call) -> pb.Device | None:
    return call.callee.device.message() if call.callee else None
