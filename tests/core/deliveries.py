"""What devices are told, as whole values to compare with."""

from typing import Any

from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Delivery, Device, Event
from tests.core.names import CALL_ID


def forwarded(to: Device, event: Event, **changed: Any) -> Delivery:
    """The message of a device's request as another gets it, with what the service stamps on it."""
    assert event.device is not None
    response = pb.ConnectResponse(call_id=CALL_ID, sender=event.device.message())
    message = getattr(response, event.kind)
    message.CopyFrom(getattr(event.request, event.kind))
    for name, value in changed.items():
        setattr(message, name, value)
    return Delivery(to, response)


def rings(device: Device, offer: Event, until: float) -> Delivery:
    """The first offer, which the device may answer until then."""
    copy = forwarded(device, offer, negotiation=1)
    return Delivery(device, copy.response, ring_deadline=until)


def answered(to: Device, answer: Event, negotiation: int = 1) -> Delivery:
    """The answer that counts, to the device that offered."""
    return forwarded(to, answer, negotiation=negotiation)


def progress(to: Device, kind: pb.ProgressKind.ValueType, device: Device | None = None) -> Delivery:
    """How the call gets on."""
    about = device.message() if device else None
    return _told(to, progress=pb.CallProgress(kind=kind, device=about))


def waiting(to: Device) -> Delivery:
    """Nobody is connected; the offer waits."""
    return progress(to, pb.PROGRESS_KIND_WAITING)


def won(device: Device) -> Delivery:
    """The answer of the device is the one."""
    return progress(device, pb.PROGRESS_KIND_WON, device)


def away(to: Device, device: Device) -> Delivery:
    """The peer's stream is lost."""
    return progress(to, pb.PROGRESS_KIND_AWAY, device)


def back(to: Device, device: Device) -> Delivery:
    """The peer's stream is back."""
    return progress(to, pb.PROGRESS_KIND_BACK, device)


def the_end(
    reason: pb.EndReason.ValueType,
    by: Device | None = None,
    text: str | None = None,
    replaced_by: str | None = None,
) -> pb.CallEnded:
    """How a call ended."""
    ended_by = by.message() if by else None
    return pb.CallEnded(reason=reason, ended_by=ended_by, text=text, replaced_by=replaced_by)


def ended(
    to: Device,
    reason: pb.EndReason.ValueType,
    by: Device | None = None,
    text: str | None = None,
    replaced_by: str | None = None,
) -> Delivery:
    """The end of the call, for this device."""
    return _told(to, ended=the_end(reason, by, text, replaced_by))


def advised(
    to: Device,
    role: pb.ReconnectRole.ValueType,
    attempt: int = 1,
    policy: pb.TransportPolicy.ValueType = pb.TRANSPORT_POLICY_ALL,
) -> Delivery:
    """Advice after a failure."""
    advice = pb.Reconnect(role=role, attempt=attempt, transport_policy=policy)
    return _told(to, reconnect=advice)


def advice(
    offerer: Device,
    waiter: Device,
    attempt: int = 1,
    policy: pb.TransportPolicy.ValueType = pb.TRANSPORT_POLICY_ALL,
) -> set[tuple[Device, bytes]]:
    """Advice to both: who offers and who waits."""
    return unordered(
        advised(offerer, pb.RECONNECT_ROLE_OFFER, attempt, policy),
        advised(waiter, pb.RECONNECT_ROLE_WAIT, attempt, policy),
    )


def unordered(*deliveries: Delivery) -> set[tuple[Device, bytes]]:
    """Deliveries to several devices, where the order between devices means nothing."""
    told = {
        (each.device, each.response.SerializeToString(deterministic=True)) for each in deliveries
    }
    assert len(told) == len(deliveries)
    return told


def _told(to: Device, **payload: Any) -> Delivery:
    return Delivery(to, pb.ConnectResponse(call_id=CALL_ID, **payload))
