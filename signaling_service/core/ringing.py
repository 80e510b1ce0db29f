"""While a call rings: ringing, the first answer, the ways to say no, and the end of it."""

from signaling.v1 import signaling_pb2 as pb

from signaling_service.core import offering
from signaling_service.core.descriptions import generation
from signaling_service.core.errors import LimitExceededError, WrongStateError
from signaling_service.core.model import (
    Device,
    Event,
    LegState,
    Negotiation,
    Relay,
    Side,
    State,
)
from signaling_service.core.turn import Turn, ended

# what one device's no makes of its leg, of its `ended`, and of the caller's progress
LEG_REJECTIONS = {
    pb.REJECT_REASON_BUSY: (LegState.BUSY, pb.END_REASON_BUSY, pb.PROGRESS_KIND_BUSY),
    pb.REJECT_REASON_UNSUPPORTED: (
        LegState.REJECTED,
        pb.END_REASON_UNSUPPORTED,
        pb.PROGRESS_KIND_REJECTED,
    ),
    pb.REJECT_REASON_IGNORED: (LegState.IGNORED, pb.END_REASON_IGNORED, None),
}


def ringing(turn: Turn, sender: Device, _event: Event) -> None:
    """A device rings; the caller hears of it once."""
    leg = turn.call.legs[sender]
    if leg.state is LegState.OFFERED:
        turn.change(legs={**turn.call.legs, sender: leg._replace(state=LegState.RINGING)})
        turn.progress(turn.call.caller.device, pb.PROGRESS_KIND_RINGING, sender)


def answer(turn: Turn, sender: Device, event: Event) -> None:
    """The first answer wins: the other devices stop, and the candidates held so far go out.

    Raises:
        WrongStateError: it answers an offer that the caller has not made.
        LimitExceededError: the device has as many calls as it may have.
    """
    call, description = turn.call, event.request.answer
    if description.negotiation not in (0, call.negotiation.number):
        raise WrongStateError(f"answer.negotiation: the open offer is {call.negotiation.number}")
    limit = turn.rules.limits.calls_per_device
    if offering.live_calls(turn.directory.user(sender.user_id), sender) >= limit:
        raise LimitExceededError(
            f"answer: this device has {limit} live calls, as many as it may have"
        )
    caller = call.caller.device
    forwarded = turn.copy(sender, "answer", description)
    forwarded.answer.negotiation = call.negotiation.number
    turn.deliver(caller, forwarded)
    turn.progress(sender, pb.PROGRESS_KIND_WON, sender)
    if call.caller.is_away:
        turn.progress(sender, pb.PROGRESS_KIND_AWAY, caller)
    for held in call.relay.held:
        if held.sender in (caller, sender):
            to = sender if held.sender == caller else caller
            copy = turn.copy(held.sender, "candidates", held.candidates, held.traceparent)
            turn.deliver(to, copy)
    _stop_losers(turn, sender)
    winner = turn.call.legs[sender]
    turn.change(
        state=State.ANSWERED,
        offer=None,
        legs={**turn.call.legs, sender: winner._replace(state=LegState.WON)},
        callee=Side(sender, winner.session, generations=generation((), description)),
        negotiation=Negotiation(call.negotiation.number, None),
        times=call.times._replace(answered_at=turn.now),
        relay=Relay({side: call.relay.counts.get(side, 0) for side in (caller, sender)}),
    )


def reject(turn: Turn, sender: Device, event: Event) -> None:
    """A device says no: for the whole user, or for itself alone."""
    reason = event.request.reject.reason
    if reason in LEG_REJECTIONS:
        _reject_leg(turn, sender, reason)
    elif reason == pb.REJECT_REASON_BUSY_EVERYWHERE:
        _decline(turn, sender, pb.END_REASON_BUSY)
    else:
        _decline(turn, sender, pb.END_REASON_DECLINED)


def hangup(turn: Turn, sender: Device, event: Event) -> None:
    """The caller cancels; a callee declines."""
    hangup = event.request.hangup
    text = hangup.text if hangup.HasField("text") else None
    if sender == turn.call.caller.device:
        turn.end(ended(pb.END_REASON_CANCELLED, sender, text))
    else:
        _decline(turn, sender, pb.END_REASON_DECLINED, text)


def ring_out(turn: Turn) -> None:
    """Nobody answered in time."""
    turn.end(ended(pb.END_REASON_NO_ANSWER))


def attached(turn: Turn, device: Device, event: Event) -> None:
    """The caller is back, or a device of the callee comes late."""
    if device == turn.call.caller.device:
        turn.change_side(device, is_away=False)
    else:
        offering.late_join(turn, device, event.session)


def detached(turn: Turn, device: Device, _event: Event) -> None:
    """The caller's stream is lost; it may come back to its answer."""
    if device == turn.call.caller.device:
        turn.change_side(device, is_away=True)


def gone(turn: Turn, device: Device, event: Event) -> None:
    """A session is over: the caller's cancels, a leg's is forgotten."""
    call = turn.call
    leg = call.legs.get(device)
    if device == call.caller.device and event.session == call.caller.session:
        turn.end(ended(pb.END_REASON_CANCELLED, device))
    elif leg is not None and leg.is_live and leg.session == event.session:
        _forget_leg(turn, device)


def overflow(turn: Turn, device: Device, _event: Event) -> None:
    """A device has stopped listening: the call ends, unless others ring on."""
    call = turn.call
    leg = call.legs.get(device)
    told = ended(pb.END_REASON_PEER_GONE, device)
    if device == call.caller.device or call.live_legs == [leg]:
        turn.end(told)
    elif leg is not None and leg.is_live:
        _end_leg(turn, device, LegState.LOST, told)


def _decline(
    turn: Turn, sender: Device, reason: pb.EndReason.ValueType, text: str | None = None
) -> None:
    others = ended(pb.END_REASON_DECLINED_ELSEWHERE, sender)
    turn.end(ended(reason, sender, text), others)


def _reject_leg(turn: Turn, sender: Device, reason: pb.RejectReason.ValueType) -> None:
    state, end_reason, progress = LEG_REJECTIONS[reason]
    call, told = turn.call, ended(end_reason, sender)
    offer = call.offer
    is_last = len(call.live_legs) == 1
    if offer is None:
        raise AssertionError("a ringing call has an offer")
    # nobody else can come: only an offer to all that waits is open to a late join
    is_closed = offer.offline_policy == pb.OFFLINE_POLICY_FAIL or offer.HasField(
        "recipient_device_id"
    )
    if is_last and is_closed and progress is not None:
        turn.end(told)
        return
    _end_leg(turn, sender, state, told)
    if progress is not None:
        turn.progress(call.caller.device, progress, sender)


def _stop_losers(turn: Turn, winner: Device) -> None:
    told = ended(pb.END_REASON_ANSWERED_ELSEWHERE, winner)
    for leg in turn.call.live_legs:
        if leg.device != winner:
            _end_leg(turn, leg.device, LegState.LOST, told)


def _end_leg(turn: Turn, device: Device, state: LegState, told: pb.CallEnded) -> None:
    leg = turn.call.legs[device]._replace(state=state, ended=told)
    turn.change(legs={**turn.call.legs, device: leg})
    _drop_held(turn, device)
    turn.tell(device, "ended", told)


def _forget_leg(turn: Turn, device: Device) -> None:
    legs = {other: leg for other, leg in turn.call.legs.items() if other != device}
    turn.change(legs=legs)
    _drop_held(turn, device)


def _drop_held(turn: Turn, device: Device) -> None:
    relay = turn.call.relay
    counts = {sender: count for sender, count in relay.counts.items() if sender != device}
    turn.relay(Relay(counts, tuple(held for held in relay.held if held.sender != device)))
