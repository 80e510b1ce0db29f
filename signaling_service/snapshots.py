"""Calls and devices as others see them: a device in its welcome, or another service."""

from collections.abc import Mapping
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from signaling.v1 import calls_pb2
from signaling.v1 import signaling_pb2 as pb

from signaling_service.backends.archive import KnownDevice
from signaling_service.core.model import Call, Device, LegState
from signaling_service.core.news import optional_timestamp, timestamp

_LEG_STATES: Final[Mapping[LegState, calls_pb2.LegState.ValueType]] = {
    each: calls_pb2.LegState.Value(f"LEG_STATE_{each.name}") for each in LegState
}


def snapshot_of(call: Call | None, device: Device) -> pb.CallSnapshot | None:
    """The call as `device` sees it, None if it is no part of it."""
    if call is None:
        return None
    caller = call.caller.device
    snapshot = pb.CallSnapshot(call_id=call.call_id, state=pb.CallState.ValueType(call.state))
    if device == caller:
        snapshot.role = pb.CALL_ROLE_CALLER
        nobody_yet = pb.Device(user_id=call.callee_user_id)
        snapshot.peer.CopyFrom(call.callee.device.message() if call.callee else nobody_yet)
        return snapshot
    leg = call.legs.get(device)
    if leg is None or (leg.ended is not None and call.ended is None):
        return None
    snapshot.role = pb.CALL_ROLE_CALLEE
    snapshot.peer.CopyFrom(caller.message())
    return snapshot


def call_of(call: Call) -> calls_pb2.Call:
    """The call as another service sees it."""
    return calls_pb2.Call(
        call_id=call.call_id,
        state=pb.CallState.ValueType(call.state),
        caller=call.caller.device.message(),
        callee_user_id=call.callee_user_id,
        callee=call.callee.device.message() if call.callee else None,
        legs=[
            calls_pb2.CallLeg(
                device=leg.device.message(), state=_LEG_STATES[leg.state], ended=leg.ended
            )
            for leg in call.legs.values()
        ],
        create_time=timestamp(call.created_at),
        ring_deadline=timestamp(call.ring_deadline),
        answer_time=optional_timestamp(call.times.answered_at),
        connect_time=optional_timestamp(call.times.connected_at),
        end_time=optional_timestamp(call.times.ended_at),
        ended=call.ended,
        barred=call.is_barred,
    )


def session_of(known: KnownDevice) -> calls_pb2.DeviceSession:
    """The device as another service sees it."""
    return calls_pb2.DeviceSession(
        device=known.device.message(),
        connected=known.is_connected,
        connect_time=_unless_never(known.attached_at),
        agent=known.agent,
        labels=known.labels,
        active_time=_unless_never(known.active_at),
    )


def _unless_never(seconds: float) -> Timestamp | None:
    return timestamp(seconds) if seconds else None
