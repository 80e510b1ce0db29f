"""A live call as a device hears of it in its welcome."""

from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Call, Device


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
