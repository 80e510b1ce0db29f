"""A turn: one step of one call while it is being worked out."""

from typing import Any, Final

from google.protobuf.message import Message
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.errors import RefusedError
from signaling_service.core.model import (
    Call,
    Delivery,
    Device,
    Directory,
    LegState,
    Outcome,
    Quality,
    Relay,
    Side,
    State,
    Traced,
    end_between,
)
from signaling_service.core.news import news_of
from signaling_service.core.rules import DISCONNECTED_GRACE, MAX_CALL_AGE, Rules

_BY_STRANGERS: Final = (
    pb.ERROR_CODE_CALL_NOT_FOUND,
    pb.ERROR_CODE_NOT_A_PARTY,
    pb.ERROR_CODE_CALL_ID_IN_USE,
)


class Turn:
    """What a call becomes, and what goes out, gathered by the functions of the machine.

    `call` raises AssertionError while there is none: the transition table lets
    only a first offer through then.
    """

    __slots__ = (
        "_before",
        "_call",
        "_deliveries",
        "_is_changed",
        "_seen",
        "_traced",
        "directory",
        "now",
        "refusal",
        "rules",
        "traceparent",
    )

    def __init__(self, call: Call | None, directory: Directory, now: float, rules: Rules) -> None:
        self.now = now
        self.rules = rules
        self.directory = directory
        self.traceparent = ""  # of the request that is applied
        self.refusal: RefusedError | None = None
        self._before = self._call = self._seen = call
        self._is_changed = False
        self._deliveries: list[Delivery] = []
        self._traced: list[Traced] = []

    @property
    def call(self) -> Call:
        """The call as it stands at this point of the turn."""
        if self._call is None:
            raise AssertionError("there is no call")
        return self._call

    @property
    def state(self) -> State:
        """The state of the call at this point of the turn."""
        return State.NEW if self._call is None else self._call.state

    @property
    def is_due(self) -> bool:
        """Whether a deadline of the call has passed."""
        self._settle()
        return self._call is not None and self._call.deadline <= self.now

    def start(self, call: Call) -> None:
        """Let there be a call."""
        self._call = call
        self._is_changed = True

    def change(self, **fields: Any) -> None:
        """Change fields of the call."""
        self._call = self.call.changed(fields)
        self._is_changed = True

    def relay(self, relay: Relay) -> None:
        """Change what relaying changes; no deadline hangs on that."""
        self._call = self.call.with_relay(relay)

    def change_side(self, device: Device, **fields: Any) -> None:
        """Change fields of the side that `device` is."""
        call = self.call
        if device == call.caller.device:
            self.change(caller=call.caller._replace(**fields))
        else:
            self.change(callee=self.side(device)._replace(**fields))

    def forget(self) -> None:
        """Let the call be gone."""
        self._call = None

    def side(self, device: Device) -> Side:
        """The side that `device` is."""
        for side in (self.call.caller, self.call.callee):
            if side is not None and side.device == device:
                return side
        raise AssertionError("the device is no side of the call")

    def peer(self, device: Device) -> Side:
        """The side that `device` is not."""
        caller, callee = self.call.caller, self.call.callee
        if callee is None:
            raise AssertionError("the call is not answered")
        return callee if device == caller.device else caller

    def tell(self, device: Device, kind: str, message: Message) -> None:
        """Send a message of the service's own about the call."""
        self.deliver(device, response_of(self.call.call_id, None, kind, message, self.traceparent))

    def copy(
        self, sender: Device, kind: str, message: Message, traceparent: str | None = None
    ) -> pb.ConnectResponse:
        """A message of `sender` as others get it; of this request's trace, unless it is given."""
        trace = self.traceparent if traceparent is None else traceparent
        return response_of(self.call.call_id, sender, kind, message, trace)

    def deliver(
        self, device: Device, response: pb.ConnectResponse, ring_deadline: float | None = None
    ) -> None:
        """Put a message into the mailbox of `device`."""
        self._deliveries.append(Delivery(device, response, ring_deadline))

    def progress(
        self, to: Device, kind: pb.ProgressKind.ValueType, device: Device | None = None
    ) -> None:
        """Tell `to` how the call gets on."""
        about = device.message() if device else None
        self.tell(to, "progress", pb.CallProgress(kind=kind, device=about))

    def end(self, ended: pb.CallEnded, others: pb.CallEnded | None = None) -> None:
        """End the call: `ended` for the sides and the leg whose act it was, `others` for others."""
        call = self.call
        legs = dict(call.legs)
        self.tell(call.caller.device, "ended", ended)
        if call.callee is not None:
            self.tell(call.callee.device, "ended", ended)
        for leg in call.live_legs:
            is_actor = leg.device.message() == ended.ended_by
            told = ended if is_actor or others is None else others
            self.tell(leg.device, "ended", told)
            legs[leg.device] = leg._replace(state=LegState.LOST, ended=told)
        self.change(
            state=State.ENDED,
            offer=None,
            legs=legs,
            quality=Quality(),
            relay=Relay(),
            ended=ended,
            times=call.times._replace(ended_at=self.now),
            deadline=self.now + self.rules.ended_memory,
        )

    def trace(self, kind: str, sender: Device | None) -> None:
        """Keep what was done since the last time, if anything: for the call's trace.

        What somebody tries who has nothing to do with the call is no part of it.
        """
        before, call, error = self._seen, self._call, 0
        if self.refusal is not None:
            error = self.refusal.code
            if error in _BY_STRANGERS:
                return
        elif call is before:
            return
        self._seen = call
        if call is not None:
            over = end_between(before, call)
            reason = 0 if over is None else over.reason
            self._traced.append(Traced(kind, sender, call.state, reason, error))

    def outcome(self) -> Outcome:
        """What the turn came to."""
        self._settle()
        return Outcome(
            self._call,
            tuple(self._deliveries),
            self.refusal,
            news_of(self._before, self._call, self.now),
            tuple(self._traced),
        )

    def _settle(self) -> None:
        """Reckon the deadline of a call that was changed."""
        call = self._call
        if self._is_changed and call is not None and call.state is not State.ENDED:
            deadline = _deadline(call)
            if deadline != call.deadline:
                self._call = call.changed({"deadline": deadline})
        self._is_changed = False


def response_of(
    call_id: str, sender: Device | None, kind: str, message: Message, traceparent: str
) -> pb.ConnectResponse:
    """A response about a call: a copy of `message`, as its payload of that kind."""
    response = pb.ConnectResponse(call_id=call_id)
    # copied in place: handed to the constructor, messages take twice as long
    if sender is not None:
        response.sender.CopyFrom(sender.message())
    getattr(response, kind).CopyFrom(message)
    if traceparent:
        response.traceparent = traceparent
    return response


def ended(
    reason: pb.EndReason.ValueType,
    by: Device | None = None,
    text: str | None = None,
    replaced_by: str | None = None,
) -> pb.CallEnded:
    """How a call ended, for one who is told."""
    return pb.CallEnded(
        reason=reason, ended_by=by.message() if by else None, text=text, replaced_by=replaced_by
    )


def _deadline(call: Call) -> float:
    """When the clock drives a live call next."""
    if call.state is State.RINGING:
        return call.ring_deadline
    deadlines = [call.created_at + MAX_CALL_AGE]
    if call.quality.deadline is not None:
        deadlines.append(call.quality.deadline)
    deadlines += [
        side.disconnected_at + DISCONNECTED_GRACE
        for side in (call.caller, call.callee)
        if side is not None and side.disconnected_at is not None
    ]
    return min(deadlines)
