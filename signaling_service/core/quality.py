"""Connection quality: what the sides report, and the advice that helps a failed call back."""

from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Device, Event, Quality, State
from signaling_service.core.rules import (
    CONNECT_TIMEOUT,
    MAX_CALL_AGE,
    RECONNECT_ATTEMPTS,
    RECONNECT_TIMEOUT,
)
from signaling_service.core.turn import Turn, ended


def connection_state(turn: Turn, sender: Device, event: Event) -> None:
    """Tell the peer what a side reports, and act on it."""
    message = event.request.connection_state
    turn.deliver(turn.peer(sender).device, turn.copy(sender, "connection_state", message))
    if message.state == pb.PEER_CONNECTION_STATE_CLOSED:
        return
    is_disconnected = message.state == pb.PEER_CONNECTION_STATE_DISCONNECTED
    since = (turn.side(sender).disconnected_at or turn.now) if is_disconnected else None
    turn.change_side(sender, disconnected_at=since)
    if message.state == pb.PEER_CONNECTION_STATE_CONNECTED:
        times = turn.call.times
        if times.connected_at is None:
            times = times._replace(connected_at=turn.now)
        turn.change(state=State.CONNECTED, quality=Quality(was_connected=True), times=times)
    elif message.state == pb.PEER_CONNECTION_STATE_FAILED:
        _fail(turn)
    elif turn.state is State.ANSWERED and not _has_clock(turn.call.quality):
        _start_clock(turn, turn.call.quality, CONNECT_TIMEOUT)


def deadline(turn: Turn) -> None:
    """Act on whichever deadline of an answered call has passed."""
    call = turn.call
    if call.created_at + MAX_CALL_AGE <= turn.now:
        turn.end(ended(pb.END_REASON_EXPIRED))
    elif call.quality.deadline is None or call.quality.deadline > turn.now:
        _fail(turn)  # DISCONNECTED for too long
    elif turn.state is State.RECONNECTING:
        _give_up(turn)
    else:
        turn.change(quality=call.quality._replace(deadline=None))
        _fail(turn)


def attempt_answered(turn: Turn, negotiation: int) -> None:
    """An answer went through; if it was the attempt's, the next failure is a new one."""
    quality = turn.call.quality
    if turn.state is State.RECONNECTING and negotiation > quality.attempt_after:
        turn.change(quality=quality._replace(is_attempt_answered=True))


def stop_clock(turn: Turn) -> None:
    """A side is away: the time to be connected stands still."""
    quality = turn.call.quality
    if quality.deadline is not None:
        left = max(quality.deadline - turn.now, 0)
        turn.change(quality=quality._replace(deadline=None, remaining=left))


def resume_clock(turn: Turn) -> None:
    """A side is back: the time to be connected goes on, unless the other is away."""
    quality = turn.call.quality
    if quality.remaining is not None and not _is_anyone_away(turn):
        _start_clock(turn, quality, quality.remaining)


def _fail(turn: Turn) -> None:
    """The connection failed: advise both sides, or give up."""
    quality = turn.call.quality
    is_reconnecting = turn.state is State.RECONNECTING
    for side in (turn.call.caller, turn.peer(turn.call.caller.device)):
        turn.change_side(side.device, disconnected_at=None)  # it is this failure too
    if is_reconnecting and not quality.is_attempt_answered:
        return  # the same failure, seen by the other side or again
    if quality.attempt >= RECONNECT_ATTEMPTS:
        _give_up(turn)
        return
    quality = quality._replace(
        attempt=quality.attempt + 1,
        attempt_after=turn.call.negotiation.number,
        is_attempt_answered=False,
    )
    turn.change(state=State.RECONNECTING, quality=quality)
    if not is_reconnecting:
        _start_clock(turn, quality, RECONNECT_TIMEOUT)
    _advise(turn)


def _advise(turn: Turn) -> None:
    call, attempt = turn.call, turn.call.quality.attempt
    caller, callee = call.caller, turn.peer(call.caller.device)
    offerer = callee if caller.is_away and not callee.is_away else caller
    is_relay = turn.rules.has_relays and attempt > 1
    for side in (caller, callee):
        turn.tell(
            side.device,
            "reconnect",
            pb.Reconnect(
                role=pb.RECONNECT_ROLE_OFFER if side is offerer else pb.RECONNECT_ROLE_WAIT,
                attempt=attempt,
                transport_policy=pb.TRANSPORT_POLICY_RELAY if is_relay else pb.TRANSPORT_POLICY_ALL,
            ),
        )


def _give_up(turn: Turn) -> None:
    was_connected = turn.call.quality.was_connected
    reason = pb.END_REASON_CONNECTION_LOST if was_connected else pb.END_REASON_CONNECT_FAILED
    turn.end(ended(reason))


def _has_clock(quality: Quality) -> bool:
    return quality.deadline is not None or quality.remaining is not None


def _start_clock(turn: Turn, quality: Quality, seconds: float) -> None:
    if _is_anyone_away(turn):
        turn.change(quality=quality._replace(deadline=None, remaining=seconds))
    else:
        turn.change(quality=quality._replace(deadline=turn.now + seconds, remaining=None))


def _is_anyone_away(turn: Turn) -> bool:
    return turn.call.caller.is_away or turn.peer(turn.call.caller.device).is_away
