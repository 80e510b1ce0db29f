"""The call machine: one table says what is possible, one function decides every step.

- A call is driven by its two sides, by the clock, and by the fate of sessions.
- `handle` is pure. It first applies every deadline that has passed, then the event.
- A device's event without a row is refused with WRONG_STATE and changes nothing. The
  clock's and presence's concern nobody then, and are passed over.
- Whoever is second in a race gets a definite answer: how it ended, for that device.
"""

from collections.abc import Callable, Mapping
from typing import Final

from signaling.v1 import signaling_pb2 as pb

from signaling_service.core import answered, offering, quality, relaying, ringing
from signaling_service.core.errors import (
    CallIdInUseError,
    CallNotFoundError,
    NotAPartyError,
    RefusedError,
    WrongStateError,
)
from signaling_service.core.model import (
    ANSWERED_STATES,
    Call,
    Device,
    Directory,
    Driver,
    Event,
    Outcome,
    State,
)
from signaling_service.core.rules import Rules
from signaling_service.core.turn import Turn, ended

PRESENCE_EVENTS: Final = ("attached", "detached", "gone", "overflow")
_NO_BY_A_DEVICE: Final = (pb.END_REASON_DECLINED, pb.END_REASON_BUSY)

Row = tuple[Driver, State, str]
Handler = Callable[[Turn, Device, Event], None]

_RINGING: Final[Mapping[Row, tuple[State, ...]]] = {
    (Driver.CALLER, State.NEW, "offer"): (State.RINGING, State.ENDED),
    (Driver.CALLER, State.RINGING, "offer"): (State.RINGING,),  # the same again
    (Driver.CALLER, State.RINGING, "candidates"): (State.RINGING,),
    (Driver.CALLER, State.RINGING, "app_message"): (State.RINGING,),
    (Driver.CALLER, State.RINGING, "hangup"): (State.ENDED,),  # cancel
    (Driver.CALLEE, State.RINGING, "ringing"): (State.RINGING,),
    (Driver.CALLEE, State.RINGING, "answer"): (State.ANSWERED,),
    (Driver.CALLEE, State.RINGING, "reject"): (State.RINGING, State.ENDED),
    (Driver.CALLEE, State.RINGING, "hangup"): (State.ENDED,),  # decline
    (Driver.CALLEE, State.RINGING, "candidates"): (State.RINGING,),
    (Driver.CALLEE, State.RINGING, "app_message"): (State.RINGING,),
    (Driver.CLOCK, State.RINGING, "deadline"): (State.ENDED,),  # no answer
    (Driver.PRESENCE, State.RINGING, "attached"): (State.RINGING,),  # late join
    (Driver.PRESENCE, State.RINGING, "detached"): (State.RINGING,),
    (Driver.PRESENCE, State.RINGING, "gone"): (State.RINGING, State.ENDED),
    (Driver.PRESENCE, State.RINGING, "overflow"): (State.RINGING, State.ENDED),
    (Driver.SERVICE, State.RINGING, "terminate"): (State.ENDED,),
    (Driver.CLOCK, State.ENDED, "deadline"): (State.NEW,),  # forgotten
}
# what a report of the peer connection makes of an answered call
_QUALITY: Final[Mapping[State, tuple[State, ...]]] = {
    State.ANSWERED: (State.ANSWERED, State.CONNECTED, State.RECONNECTING),
    State.CONNECTED: (State.CONNECTED, State.RECONNECTING),
    State.RECONNECTING: (State.RECONNECTING, State.CONNECTED, State.ENDED),
}
_TIMERS: Final[Mapping[State, tuple[State, ...]]] = {
    State.ANSWERED: (State.RECONNECTING, State.ENDED),
    State.CONNECTED: (State.RECONNECTING, State.ENDED),
    State.RECONNECTING: (State.RECONNECTING, State.ENDED),
}


def _answered_rows(state: State) -> Mapping[Row, tuple[State, ...]]:
    """The rows of one answered state: both sides may do the same."""
    rows: dict[Row, tuple[State, ...]] = {
        (Driver.CLOCK, state, "deadline"): _TIMERS[state],
        (Driver.PRESENCE, state, "attached"): (state,),
        (Driver.PRESENCE, state, "detached"): (state,),
        (Driver.PRESENCE, state, "gone"): (state, State.ENDED),
        (Driver.PRESENCE, state, "overflow"): (state, State.ENDED),
        (Driver.SERVICE, state, "terminate"): (State.ENDED,),
    }
    for side in (Driver.CALLER, Driver.CALLEE):
        for kind in ("offer", "answer", "candidates", "app_message"):
            rows[side, state, kind] = (state,)
        rows[side, state, "connection_state"] = _QUALITY[state]
        rows[side, state, "hangup"] = (State.ENDED,)
    return rows


TRANSITIONS: Final[Mapping[Row, tuple[State, ...]]] = {
    **_RINGING,
    **{row: to for state in ANSWERED_STATES for row, to in _answered_rows(state).items()},
}

_WHILE_RINGING: Final[Mapping[str, Handler]] = {
    "offer": lambda turn, _sender, event: offering.repeat(turn, event.request.offer),
    "candidates": relaying.candidates,
    "app_message": relaying.app_message,
    "hangup": ringing.hangup,
    "ringing": ringing.ringing,
    "answer": ringing.answer,
    "reject": ringing.reject,
    "attached": ringing.attached,
    "detached": ringing.detached,
    "gone": ringing.gone,
    "overflow": ringing.overflow,
}
_WHILE_ANSWERED: Final[Mapping[str, Handler]] = {
    "offer": answered.offer,
    "answer": answered.answer,
    "candidates": relaying.candidates,
    "app_message": relaying.app_message,
    "hangup": answered.hangup,
    "connection_state": quality.connection_state,
    "attached": answered.attached,
    "detached": answered.detached,
    "gone": answered.gone,
    "overflow": answered.overflow,
}


def handle(
    call: Call | None, event: Event, directory: Directory, now: float, rules: Rules
) -> Outcome:
    """Apply one event to one call, after every deadline that has passed.

    Args:
        call: the call, None if there is none with this id.
        event: what happens to it.
        directory: the users that a first offer or an answer looks up.
        now: seconds, of the clock that also reckoned the call's deadlines.
        rules: what the operator has set.

    Returns:
        The call as it is now and what goes out. A refusal is in the outcome: the
        event has changed nothing then, a deadline before it still may have.
    """
    turn = Turn(call, directory, now, rules)
    while turn.is_due:
        _fire(turn)
        turn.trace("deadline", None)
    turn.traceparent = event.request.traceparent
    if event.kind == "terminate":
        _terminate(turn, event)
    elif event.device is not None:
        try:
            _apply(turn, event.device, event)
        except RefusedError as refusal:
            turn.refusal = refusal  # raised before anything was changed
    turn.trace(event.kind, event.device)
    return turn.outcome()


def _fire(turn: Turn) -> None:
    """The clock drives."""
    before = turn.state
    if before is State.RINGING:
        ringing.ring_out(turn)
    elif before is State.ENDED:
        turn.forget()
    else:
        quality.deadline(turn)
    _check_row(turn, (Driver.CLOCK, before, "deadline"))


def _terminate(turn: Turn, event: Event) -> None:
    """Another service drives; a call that is over stays as it ended."""
    before = turn.state
    row = (Driver.SERVICE, before, event.kind)
    if row in TRANSITIONS:
        hangup = event.request.hangup
        text = hangup.text if hangup.HasField("text") else None
        turn.end(ended(pb.END_REASON_TERMINATED, text=text))
        _check_row(turn, row)


def _apply(turn: Turn, device: Device, event: Event) -> None:
    """A device or its session drives."""
    before = turn.state
    if event.kind in PRESENCE_EVENTS:
        driver = Driver.PRESENCE
        if (driver, before, event.kind) not in TRANSITIONS:
            return
    else:
        driver = _driver(turn, device, event)
        if (driver, before, event.kind) not in TRANSITIONS:
            raise WrongStateError(
                f"{event.kind}: not possible for the {driver.value} while the call is {before.name}"
            )
    if before is State.NEW:
        offering.start(turn, device, event)
    elif before is State.RINGING:
        _WHILE_RINGING[event.kind](turn, device, event)
    else:
        _WHILE_ANSWERED[event.kind](turn, device, event)
    _check_row(turn, (driver, before, event.kind))


def _check_row(turn: Turn, row: Row) -> None:
    if turn.state not in TRANSITIONS[row]:
        raise AssertionError(f"{row} does not lead to {turn.state.name}")


def _driver(turn: Turn, device: Device, event: Event) -> Driver:
    """The part of the call that `device` may act for.

    Raises:
        RefusedError: it has none, or no more.
    """
    is_first_offer = event.kind == "offer" and bool(event.request.offer.recipient_user_id)
    if turn.state is State.NEW:
        if not is_first_offer:
            raise CallNotFoundError
        return Driver.CALLER
    call = turn.call
    if device == call.caller.device:
        driver, told = Driver.CALLER, call.ended
    elif is_first_offer:
        raise CallIdInUseError("call_id: is taken; choose an unguessable one, such as a UUID")
    elif leg := call.legs.get(device):
        driver, told = Driver.CALLEE, leg.ended or call.ended
    else:
        raise _outsider(call, device)
    if told is not None:
        raise WrongStateError("the call is over for this device", ended=told)
    return driver


def _outsider(call: Call, device: Device) -> RefusedError:
    """What a device hears that is no part of the call: a stranger nothing at all."""
    if device.user_id == call.callee_user_id and not call.is_barred:
        told = _ended_elsewhere(call)
        if call.state is State.ENDED:
            return WrongStateError("the call is over", ended=told)
        return NotAPartyError("another device of this user has the call", ended=told)
    if device.user_id == call.caller.device.user_id:
        return NotAPartyError("another device of this user has the call")
    return CallNotFoundError()


def _ended_elsewhere(call: Call) -> pb.CallEnded | None:
    """How the call ended for a device of the callee that it never rang at, if it did."""
    if call.callee is not None:
        return ended(pb.END_REASON_ANSWERED_ELSEWHERE, call.callee.device)
    if call.ended is None or call.ended.reason not in _NO_BY_A_DEVICE:
        return call.ended
    return pb.CallEnded(reason=pb.END_REASON_DECLINED_ELSEWHERE, ended_by=call.ended.ended_by)
