"""While a call is answered: renegotiation, the end of it, and what its devices' sessions do."""

from signaling.v1 import signaling_pb2 as pb

from signaling_service.core import offering, quality
from signaling_service.core.descriptions import generation
from signaling_service.core.errors import GlareError, WrongStateError
from signaling_service.core.model import Device, Event, Negotiation, Relay
from signaling_service.core.turn import Turn, ended


def offer(turn: Turn, sender: Device, event: Event) -> None:
    """Renegotiate: one offer is open at a time.

    Raises:
        GlareError: the peer's offer is open.
    """
    call, description = turn.call, event.request.offer
    if description.recipient_user_id:
        offering.repeat(turn, description)
        return
    if call.negotiation.opened_by not in (None, sender):
        raise GlareError("offer: the peer's offer is open; roll back and answer it")
    number = call.negotiation.number + 1
    turn.change(negotiation=Negotiation(number, sender))
    _accept(turn, sender, description)
    forwarded = turn.copy(sender, "offer", description)
    forwarded.offer.negotiation = number
    forwarded.offer.ClearField("ring_timeout")
    turn.deliver(turn.peer(sender).device, forwarded)


def answer(turn: Turn, sender: Device, event: Event) -> None:
    """Close the open negotiation.

    Raises:
        WrongStateError: none is open, or another one.
    """
    description, (number, opened_by) = event.request.answer, turn.call.negotiation
    if opened_by is None or opened_by == sender:
        raise WrongStateError("answer: no offer of the peer is open")
    if description.negotiation not in (0, number):
        raise WrongStateError(f"answer.negotiation: the open offer is {number}")
    turn.change(negotiation=Negotiation(number, None))
    _accept(turn, sender, description)
    quality.attempt_answered(turn, number)
    forwarded = turn.copy(sender, "answer", description)
    forwarded.answer.negotiation = number
    turn.deliver(opened_by, forwarded)


def hangup(turn: Turn, sender: Device, event: Event) -> None:
    """Either side ends the call."""
    hangup = event.request.hangup
    text = hangup.text if hangup.HasField("text") else None
    turn.end(ended(pb.END_REASON_HANGUP, sender, text))


def attached(turn: Turn, device: Device, event: Event) -> None:
    """A side's stream is back."""
    if _is_side(turn, device, event) and turn.side(device).is_away:
        turn.change_side(device, is_away=False)
        quality.resume_clock(turn)
        turn.progress(turn.peer(device).device, pb.PROGRESS_KIND_BACK, device)


def detached(turn: Turn, device: Device, event: Event) -> None:
    """A side's stream is lost."""
    if _is_side(turn, device, event) and not turn.side(device).is_away:
        turn.change_side(device, is_away=True)
        quality.stop_clock(turn)
        turn.progress(turn.peer(device).device, pb.PROGRESS_KIND_AWAY, device)


def gone(turn: Turn, device: Device, event: Event) -> None:
    """A side's session is over, and so is the call."""
    if _is_side(turn, device, event):
        turn.end(ended(pb.END_REASON_PEER_GONE, device))


def overflow(turn: Turn, device: Device, _event: Event) -> None:
    """A side has stopped listening; a loser's mailbox is its own affair."""
    if device in (turn.call.caller.device, turn.peer(turn.call.caller.device).device):
        turn.end(ended(pb.END_REASON_PEER_GONE, device))


def _accept(turn: Turn, sender: Device, description: pb.SdpOffer | pb.SdpAnswer) -> None:
    """Note the ICE generation of a description; a new one has all its candidates to come."""
    known = turn.side(sender).generations
    generations = generation(known, description)
    turn.change_side(sender, generations=generations)
    if generations != known or description.sealed:  # a sealed one may be an ICE restart
        turn.relay(Relay({**turn.call.relay.counts, sender: 0}))


def _is_side(turn: Turn, device: Device, event: Event) -> bool:
    sides = (turn.call.caller, turn.call.callee)
    return any(
        side is not None and (side.device, side.session) == (device, event.session)
        for side in sides
    )
