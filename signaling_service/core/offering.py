"""A first offer: whom it rings, what waits, and which of two crossing calls lives."""

import hashlib

from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.descriptions import generation
from signaling_service.core.errors import InvalidMessageError, LimitExceededError, WrongStateError
from signaling_service.core.model import (
    Call,
    Device,
    Event,
    Leg,
    Negotiation,
    Presence,
    Side,
    State,
    User,
    Verdict,
)
from signaling_service.core.turn import Turn, ended


def start(turn: Turn, sender: Device, event: Event) -> None:
    """Begin a call: ring the devices, let the offer wait, or end it at once."""
    request, offer = event.request, event.request.offer
    _check_sender(turn, sender, offer)
    ring_timeout = turn.rules.ring_timeout
    if offer.HasField("ring_timeout"):
        ring_timeout = offer.ring_timeout.seconds + offer.ring_timeout.nanos / 1e9
    callee = turn.directory.user(offer.recipient_user_id)
    turn.start(
        Call(
            call_id=request.call_id,
            state=State.RINGING,
            created_at=turn.now,
            caller=Side(sender, event.session, generations=generation((), offer)),
            callee_user_id=offer.recipient_user_id,
            offer_digest=digest(offer),
            offer=offer,
            is_barred=_is_barred(turn, callee, event.verdict),
            ring_deadline=turn.now + ring_timeout,
            negotiation=Negotiation(1, sender),
            traceparent=request.traceparent,
        )
    )
    targets = [] if turn.call.is_barred else _targets(callee, offer, sender)
    if event.verdict is Verdict.NOT_ALLOWED_OPENLY:
        turn.end(ended(pb.END_REASON_NOT_ALLOWED))
    elif targets:
        _ring_or_give_way(turn, offer, callee, targets)
    elif offer.offline_policy == pb.OFFLINE_POLICY_FAIL:
        turn.end(ended(pb.END_REASON_UNAVAILABLE))
    else:
        turn.progress(sender, pb.PROGRESS_KIND_WAITING)


def repeat(turn: Turn, offer: pb.SdpOffer) -> None:
    """The first offer again: no effect.

    Raises:
        WrongStateError: it is another offer under the same call_id.
    """
    if digest(offer) != turn.call.offer_digest:
        raise WrongStateError("offer: differs from the offer that this call began with")


def late_join(turn: Turn, device: Device, session: int) -> None:
    """Ring a device of the callee that connects while the call rings, if it is meant."""
    call, offer = turn.call, turn.call.offer
    if offer is None:
        raise AssertionError("a ringing call has an offer")
    if call.is_barred or device.user_id != call.callee_user_id or device in call.legs:
        return
    if offer.HasField("recipient_device_id"):
        is_meant = device.device_id == offer.recipient_device_id
    else:
        # the primary device was asked already, unless nobody was connected
        is_meant = offer.routing != pb.ROUTING_PRIMARY_DEVICE or not call.legs
    if is_meant:
        ring(turn, offer, device, session)


def ring(turn: Turn, offer: pb.SdpOffer, device: Device, session: int) -> None:
    """Add a leg and send it the offer."""
    call = turn.call
    turn.change(legs={**call.legs, device: Leg(device, session)})
    response = turn.copy(call.caller.device, "offer", offer, call.traceparent)
    response.offer.negotiation = 1
    turn.deliver(device, response, ring_deadline=call.ring_deadline)


def digest(offer: pb.SdpOffer) -> bytes:
    """Tells two offers apart without keeping their SDP."""
    return hashlib.blake2b(offer.SerializeToString(deterministic=True), digest_size=16).digest()


def _check_sender(turn: Turn, sender: Device, offer: pb.SdpOffer) -> None:
    if sender == (offer.recipient_user_id, offer.recipient_device_id):
        raise InvalidMessageError("offer.recipient_device_id: is the calling device itself")
    limit = turn.rules.limits.calls_per_device
    if live_calls(turn.directory.user(sender.user_id), sender) >= limit:
        raise LimitExceededError(
            f"offer: this device has {limit} live calls, as many as it may have"
        )


def _ring_or_give_way(
    turn: Turn, offer: pb.SdpOffer, callee: User, targets: list[tuple[Device, Presence]]
) -> None:
    """Ring these devices, unless one of them calls the caller already."""
    if winner := _crossing_call(turn, turn.call.caller.device, callee, targets):
        turn.end(ended(pb.END_REASON_REPLACED, replaced_by=winner.call_id))
        return
    for device, presence in targets:
        ring(turn, offer, device, presence.session)


def _is_barred(turn: Turn, callee: User, verdict: Verdict) -> bool:
    """Whether the callee must not notice: the policy says no, or too many calls ring already."""
    ringing = sum(not answered_by for answered_by in callee.received.values())
    return verdict is not Verdict.ALLOWED or ringing >= turn.rules.limits.ringing_per_user


def live_calls(user: User, device: Device) -> int:
    """How many calls the device placed or answered that are not over."""
    calls = [*user.placed.values(), *user.received.values()]
    return calls.count(device.device_id)


def _targets(callee: User, offer: pb.SdpOffer, sender: Device) -> list[tuple[Device, Presence]]:
    """The connected devices that the offer rings now."""
    connected = [
        (Device(offer.recipient_user_id, device_id), presence)
        for device_id, presence in callee.sessions.items()
        if presence.is_connected and (offer.recipient_user_id, device_id) != sender
    ]
    if offer.HasField("recipient_device_id"):
        return [target for target in connected if target[0].device_id == offer.recipient_device_id]
    if offer.routing == pb.ROUTING_PRIMARY_DEVICE:
        connected.sort(key=lambda target: (target[1].active_at, target[1].attached_at))
        return connected[-1:]
    return connected


def _crossing_call(
    turn: Turn, sender: Device, callee: User, targets: list[tuple[Device, Presence]]
) -> Call | None:
    """The earliest call that rings at `sender` and comes from a device this one would ring."""
    caller = turn.directory.user(sender.user_id)
    reached = {device for device, _ in targets}
    crossing = []
    for call_id in sorted(callee.placed.keys() & caller.received.keys()):
        call = turn.directory.call(call_id)
        leg = call.legs.get(sender)
        is_ringing = leg is not None and leg.is_live and call.deadline > turn.now
        if is_ringing and call.caller.device in reached:
            crossing.append(call)
    return min(crossing, key=lambda call: call.created_at, default=None)
