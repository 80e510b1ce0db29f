"""Looks on while the machine decides: counts what it visits, and checks every single step."""

import sys
from collections import Counter
from typing import Final

from signaling.v1 import signaling_pb2 as pb

from signaling_service.core import call as machine
from signaling_service.core import relaying
from signaling_service.core.call import PRESENCE_EVENTS, TRANSITIONS
from signaling_service.core.errors import RefusedError, StaleCandidateError
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
from signaling_service.core.rules import Limits, Rules
from tests.core.factory import NOBODY

Visit = tuple[Driver, State, str, State]

EVERY_VISIT: Final[list[Visit]] = [
    (*row, after) for row, states in TRANSITIONS.items() for after in states
]
CLOCK: Final = Event("deadline")
ROLES: Final = [pb.RECONNECT_ROLE_OFFER, pb.RECONNECT_ROLE_WAIT]


class Journal:
    """Stands where the registry's log stands; what is no error is not written down."""

    def __init__(self) -> None:
        self.failures: list[BaseException | None] = []

    def info(self, _event: str, **_fields: object) -> None:
        """Nothing to see here."""

    def exception(self, _event: str) -> None:
        """Something broke that only the log hears of."""
        self.failures.append(sys.exception())


class Observer:
    """Stands where `handle` stands, and passes everything on to it."""

    def __init__(self) -> None:
        self.visits: Counter[Visit] = Counter()
        self.refusal: RefusedError | None = None  # of the last request
        self.journal = Journal()
        self._attempts: dict[str, int] = {}

    def handle(
        self, call: Call | None, event: Event, directory: Directory, now: float, rules: Rules
    ) -> Outcome:
        """See `core.call.handle`."""
        outcome = machine.handle(call, event, directory, now, rules)
        again = machine.handle(call, event, directory, now, rules)
        assert _told(outcome) == _told(again), "the same step gives the same answer"
        self._check(call, event, outcome, now)
        swept = machine.handle(call, CLOCK, directory, now, rules).call
        self._visit(call, swept, event, outcome)
        if event.device is not None and event.kind not in PRESENCE_EVENTS:
            self.refusal = outcome.refusal
        return outcome

    def forward(
        self, call: Call, sender: Device, request: pb.ConnectRequest, now: float, limits: Limits
    ) -> Outcome | None:
        """See `core.relaying.forward`: a short cut to where the machine would have come."""
        outcome = relaying.forward(call, sender, request, now, limits)
        if outcome is not None:
            self.refusal = None
            event = Event("candidates", sender, 0, request)
            by_the_table = self.handle(call, event, NOBODY, now, Rules(limits=limits))
            assert _told(outcome) == _told(by_the_table)
        return outcome

    def _check(self, call: Call | None, event: Event, outcome: Outcome, now: float) -> None:
        is_due = call is not None and call.deadline <= now
        if outcome.refusal is not None and not is_due:
            is_partial = isinstance(outcome.refusal, StaleCandidateError)
            assert outcome.call is call or is_partial, "a refusal changes nothing"
            assert outcome.deliveries == () or is_partial, "a refusal is nobody else's"
        if event == CLOCK and not is_due:
            assert (outcome.call is call, outcome.deliveries) == (True, ()), "no early deadline"
        if outcome.call is not None:
            assert outcome.call.state is State.ENDED or outcome.call.deadline > now
        _check_ends(call, outcome)
        self._check_advice(call, event, outcome)

    def _check_advice(self, call: Call | None, event: Event, outcome: Outcome) -> None:
        """One side offers, one waits; attempts count up, and from 1 after a CONNECTED."""
        if outcome.call is None or call is None:
            return
        call_id = call.call_id
        report = event.request.connection_state.state
        if call.state is State.RINGING or report == pb.PEER_CONNECTION_STATE_CONNECTED:
            self._attempts[call_id] = 0
        advice = {
            each.device: each.response.reconnect
            for each in outcome.deliveries
            if each.response.HasField("reconnect")
        }
        if advice:
            self._attempts[call_id] += 1
            assert len(advice) == len(ROLES)
            assert sorted(one.role for one in advice.values()) == ROLES
            assert {one.attempt for one in advice.values()} == {self._attempts[call_id]}

    def _visit(self, call: Call | None, swept: Call | None, event: Event, outcome: Outcome) -> None:
        """Count the rows that this step went through; `swept` is after its deadlines."""
        if call is not None and swept is not call:
            self.visits[Driver.CLOCK, call.state, "deadline", _state(swept)] += 1
        if event.device is None or outcome.refusal is not None:
            return
        row = (_driver(swept, event), _state(swept), event.kind)
        if row in TRANSITIONS:
            self.visits[*row, _state(outcome.call)] += 1


def _state(call: Call | None) -> State:
    return State.NEW if call is None else call.state


def _driver(call: Call | None, event: Event) -> Driver:
    if event.kind in PRESENCE_EVENTS:
        return Driver.PRESENCE
    is_caller = call is None or event.device == call.caller.device
    return Driver.CALLER if is_caller else Driver.CALLEE


def _told(outcome: Outcome) -> tuple[object, ...]:
    refusal = outcome.refusal.message(1) if outcome.refusal else None
    return (outcome.call, outcome.deliveries, refusal)


def _check_ends(call: Call | None, outcome: Outcome) -> None:
    """Everybody who has a part in a call that ends hears it, in the step that ends it."""
    ends = Counter(each.device for each in outcome.deliveries if each.response.HasField("ended"))
    assert max(ends.values(), default=1) == 1, "one `ended` each"
    if call is None or outcome.call is None or call.state is outcome.call.state:
        return
    legs = {leg.device for leg in call.live_legs}
    if outcome.call.state is State.ENDED:
        sides = {side.device for side in (call.caller, call.callee) if side is not None}
        assert legs | sides <= set(ends), "an end is told to all"
    elif call.state is State.RINGING and outcome.call.state in ANSWERED_STATES:
        assert outcome.call.callee is not None
        winner = outcome.call.callee.device
        assert set(ends) == legs - {winner}, "losers hear it at once"
        reasons = {each.response.ended.reason for each in outcome.deliveries if each.device in ends}
        assert reasons <= {pb.END_REASON_ANSWERED_ELSEWHERE}
