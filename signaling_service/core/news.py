"""What other services are told of a call, worked out from how it was and how it is.

A call has five events, and most are never read: a step makes plain values of them, and the
wire's messages come into being when somebody wants them.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from signaling.v1 import calls_pb2 as calls
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Call, Device, News, State

MICROS: Final = 1_000_000  # a second's
NANOS: Final = 1_000  # a microsecond's


class Facts(NamedTuple):
    """What events say of a call; "" and None for what there is not, or not yet."""

    call_id: str
    caller_user_id: str
    caller_device_id: str
    callee_user_id: str
    callee_device_id: str
    created_at: float
    answered_at: float | None
    connected_at: float | None
    ended_at: float | None
    is_barred: bool
    reason: pb.EndReason.ValueType
    ended_by_user_id: str
    ended_by_device_id: str
    # of a pending offer alone
    ring_deadline: float = 0.0
    recipient_device_id: str | None = None
    metadata: tuple[tuple[str, str], ...] = ()
    reached: tuple[str, ...] = ()  # device_ids

    @property
    def caller(self) -> Device:
        """The device that calls."""
        return Device(self.caller_user_id, self.caller_device_id)

    @property
    def callee(self) -> Device:
        """The device that answered."""
        return Device(self.callee_user_id, self.callee_device_id)


def news_of(before: Call | None, after: Call | None, now: float) -> tuple[News, ...]:
    """What there is to tell of one step, in order.

    A call that must not be noticed by its callee rings nobody: nothing is pending, and
    nothing settled. One that never rang, because it ended at once, only ends.
    """
    if after is None or (before is not None and before.state is after.state):
        return ()
    facts = _facts(after)
    if before is None and after.offer is not None:
        pending = (*facts, *_facts_of_offer(after, after.offer))
        return () if after.is_barred else (("offer_pending", now, pending),)
    kinds = []
    if before is not None and before.state is State.RINGING:
        if not after.is_barred:
            kinds.append("offer_settled")
        if after.callee is not None:
            kinds.append("call_answered")
    if before is not None and before.times.connected_at != after.times.connected_at:
        kinds.append("call_connected")
    if after.ended is not None:
        kinds.append("call_ended")
    return tuple([(kind, now, facts) for kind in kinds])


def presence_news(device: Device, now: float, *, is_connected: bool) -> News:
    """A device has a stream, or has none any more."""
    kind = "device_connected" if is_connected else "device_disconnected"
    return kind, now, tuple(device)


def event_of(news: News, cursor: str = "") -> calls.SignalingEvent:
    """The event that tells it."""
    kind, now, facts = news
    event = calls.SignalingEvent(cursor=cursor)
    set_time(event.time, now)
    if kind in _TELL:
        _TELL[kind](event, Facts(*facts), now)
    else:
        name(getattr(event, kind).device, Device(*facts))
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


def _facts(call: Call) -> tuple[Any, ...]:
    """`Facts` of a call, as plain as they come."""
    ended, callee = call.ended, call.callee
    by = None if ended is None or not ended.HasField("ended_by") else ended.ended_by
    return (
        call.call_id,
        *call.caller.device,
        call.callee_user_id,
        "" if callee is None else callee.device.device_id,
        call.created_at,
        *call.times,
        call.is_barred,
        0 if ended is None else ended.reason,
        *(("", "") if by is None else (by.user_id, by.device_id)),
    )


def _facts_of_offer(call: Call, offer: pb.SdpOffer) -> tuple[Any, ...]:
    is_named = offer.HasField("recipient_device_id")
    return (
        call.ring_deadline,
        offer.recipient_device_id if is_named else None,
        tuple(offer.metadata.items()),
        tuple([device.device_id for device in call.legs]),
    )


def _pending(event: calls.SignalingEvent, facts: Facts, now: float) -> None:
    about = event.offer_pending
    about.call_id = facts.call_id
    name(about.caller, facts.caller)
    about.recipient_user_id = facts.callee_user_id
    if facts.recipient_device_id is not None:
        about.recipient_device_id = facts.recipient_device_id
    about.metadata.update(facts.metadata)
    set_time(about.time_left, facts.ring_deadline - now)
    for device_id in facts.reached:
        name(about.reached.add(), Device(facts.callee_user_id, device_id))


def _settled(event: calls.SignalingEvent, facts: Facts, _now: float) -> None:
    about = event.offer_settled
    about.call_id = facts.call_id
    name(about.caller, facts.caller)
    about.recipient_user_id = facts.callee_user_id
    if facts.callee_device_id:
        name(about.answered_by, facts.callee)
    about.reason = facts.reason


def _answered(event: calls.SignalingEvent, facts: Facts, _now: float) -> None:
    about = event.call_answered
    _name_sides(about, facts)
    _between(about.ring_duration, facts.created_at, facts.answered_at)


def _connected(event: calls.SignalingEvent, facts: Facts, _now: float) -> None:
    about = event.call_connected
    _name_sides(about, facts)
    _between(about.setup_duration, facts.answered_at, facts.connected_at)


def _ended(event: calls.SignalingEvent, facts: Facts, _now: float) -> None:
    about = event.call_ended
    _name_sides(about, facts)
    about.callee_user_id = facts.callee_user_id
    about.reason = facts.reason
    if facts.ended_by_user_id:
        name(about.ended_by, Device(facts.ended_by_user_id, facts.ended_by_device_id))
    set_time(about.create_time, facts.created_at)
    _between(about.ring_duration, facts.created_at, facts.answered_at or facts.ended_at)
    if facts.answered_at is not None:
        set_time(about.answer_time, facts.answered_at)
        _between(about.talk_duration, facts.answered_at, facts.ended_at)
    if facts.connected_at is not None:
        set_time(about.connect_time, facts.connected_at)
    about.barred = facts.is_barred


# how the events of calls are filled in; in place: messages that are copied cost a third more
_TELL: Final[Mapping[str, Callable[[calls.SignalingEvent, Facts, float], None]]] = {
    "offer_pending": _pending,
    "offer_settled": _settled,
    "call_answered": _answered,
    "call_connected": _connected,
    "call_ended": _ended,
}

Sides = calls.CallAnsweredEvent | calls.CallConnectedEvent | calls.CallEndedEvent


def _name_sides(about: Sides, facts: Facts) -> None:
    about.call_id = facts.call_id
    name(about.caller, facts.caller)
    if facts.callee_device_id:
        name(about.callee, facts.callee)


def _between(field: Duration, start: float | None, end: float | None) -> None:
    """The span between two times that have come."""
    set_time(field, (end or 0.0) - (start or 0.0))
