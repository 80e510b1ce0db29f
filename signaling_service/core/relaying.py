"""Candidates and app messages: carried as they came, in order, and never ahead of the answer."""

from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.descriptions import (
    Generations,
    is_stale,
    ufrag_of,
)
from signaling_service.core.errors import LimitExceededError, StaleCandidateError
from signaling_service.core.model import (
    Call,
    Delivery,
    Device,
    Event,
    Held,
    Outcome,
    Relay,
    State,
    Traced,
)
from signaling_service.core.requests import is_plain
from signaling_service.core.rules import Limits
from signaling_service.core.turn import Turn, response_of


def forward(
    call: Call, sender: Device, request: pb.ConnectRequest, now: float, limits: Limits
) -> Outcome | None:
    """What `candidates` comes to in the case that all others are exceptions to.

    That is: a live call, no deadline passed, one of its two sides, well-formed
    candidates of its newest generation, within the limits. None: ask the machine.
    Most messages of a call are this case, and it costs a third of the way round.
    """
    side, peer = call.caller, call.callee
    if call.state is State.ENDED or call.deadline <= now:
        return None
    if peer is not None and side.device != sender:
        side, peer = peer, side
    message = request.candidates
    if side.device != sender or not side.generations:
        return None
    newest = side.generations[-1]
    if not is_plain(message, newest, limits):
        return None
    count = call.relay.counts.get(sender, 0) + len(message.candidates)
    if count > limits.candidates_per_generation:
        return None
    counts = {**call.relay.counts, sender: count}
    if peer is None:
        held = Held(sender, message, request.traceparent)
        relay = Relay(counts, (*call.relay.held, held))
        traced = Traced("candidates", sender, call.state, 0, 0)
        return Outcome(call.with_relay(relay), traced=(traced,))
    response = response_of(call.call_id, sender, "candidates", message, request.traceparent)
    return Outcome(call.with_relay(Relay(counts)), (Delivery(peer.device, response),))


def candidates(turn: Turn, sender: Device, event: Event) -> None:
    """Forward candidates of the peer connection's current ICE generation (RFC 8838 §18).

    Until an answer has won they are held: nobody could use them, and devices
    that never answer don't learn the caller's addresses.

    Raises:
        LimitExceededError: too many for one generation; none of the message went.
    """
    call, message = turn.call, event.request.candidates
    is_ringing = call.state is State.RINGING
    if stale := _stale(message, _generations(turn, sender)):
        turn.refusal = StaleCandidateError(
            "candidates.candidates: of an ICE generation that this device has left",
            candidate_indexes=stale,
        )
        fresh = [index for index in range(len(message.candidates)) if index not in stale]
        if not fresh:
            return
        message = pb.IceCandidates(candidates=[message.candidates[index] for index in fresh])
    counts = {**call.relay.counts, sender: _count(turn, sender, len(message.candidates))}
    if is_ringing:
        held = Held(sender, message, turn.traceparent)
        turn.relay(Relay(counts, (*call.relay.held, held)))
    else:
        turn.relay(Relay(counts))
        turn.deliver(turn.peer(sender).device, turn.copy(sender, "candidates", message))


def app_message(turn: Turn, sender: Device, event: Event) -> None:
    """Forward to the peer, or from the caller to every device that still rings."""
    call, message = turn.call, event.request.app_message
    if call.state is not State.RINGING:
        receivers = [turn.peer(sender).device]
    elif sender == call.caller.device:
        receivers = [leg.device for leg in call.live_legs]
    else:
        receivers = [call.caller.device]
    forwarded = turn.copy(sender, "app_message", message)
    for device in receivers:
        turn.deliver(device, forwarded)


def _generations(turn: Turn, sender: Device) -> Generations:
    """Those of the side; a leg has none before its answer."""
    for side in (turn.call.caller, turn.call.callee):
        if side is not None and side.device == sender:
            return side.generations
    return ()


def _stale(message: pb.IceCandidates, known: Generations) -> list[int]:
    """Which candidates are of a generation that their sender has left."""
    if not known[1:]:
        return []  # nobody leaves the first one but for another
    ufrags = [ufrag_of(candidate) for candidate in message.candidates]
    return [index for index, ufrag in enumerate(ufrags) if is_stale(ufrag, known)]


def _count(turn: Turn, sender: Device, more: int) -> int:
    sent = turn.call.relay.counts.get(sender, 0)
    limit = turn.rules.limits.candidates_per_generation
    if sent + more > limit:
        raise LimitExceededError(
            f"candidates: {sent} of {limit} candidates of this ICE generation are used"
        )
    return sent + more
