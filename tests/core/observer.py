"""Looks on while the machine decides: counts what it visits, and checks every single step."""

import sys
from collections import Counter, deque
from collections.abc import Mapping
from typing import Final, NamedTuple

from signaling.v1 import signaling_pb2 as pb

from signaling_service import journal as journals
from signaling_service.core import call as machine
from signaling_service.core import relaying
from signaling_service.core.call import PRESENCE_EVENTS, TRANSITIONS
from signaling_service.core.errors import StaleCandidateError
from signaling_service.core.model import (
    ANSWERED_STATES,
    Call,
    Device,
    Directory,
    Driver,
    Event,
    Held,
    Outcome,
    State,
    Verdict,
)
from signaling_service.core.rules import Limits, Rules
from signaling_service.policy.base import Everybody
from signaling_service.witness import Witness
from tests.core.factory import NOBODY

Visit = tuple[Driver, State, str, State]

EVERY_VISIT: Final[list[Visit]] = [
    (*row, after) for row, states in TRANSITIONS.items() for after in states
]
CLOCK: Final = Event("deadline")
STALE: Final = 8  # decisions that may come to nothing while one is written
ROLES: Final = [pb.RECONNECT_ROLE_OFFER, pb.RECONNECT_ROLE_WAIT]


def table(visits: Mapping[Visit, int]) -> list[list[object]]:
    """Every row of the transition table, to each next state, and how often runs went there."""
    return [
        [row[0].value, row[1].name, row[2], row[3].name, visits.get(row, 0)] for row in EVERY_VISIT
    ]


class Journal:
    """Stands where the registry's log stands; what is no error is not written down."""

    def __init__(self) -> None:
        self._failures: list[BaseException] = []

    def debug(self, _event: str, **_fields: object) -> None:
        """Nothing to see here."""

    info = warning = debug

    def error(self, event: str, **fields: object) -> None:
        """Something that tests do not do to the service."""
        self._failures.append(AssertionError(event, fields))

    def exception(self, event: str) -> None:
        """Something broke that only the log hears of."""
        self._failures.append(sys.exception() or AssertionError(event))

    def check(self) -> None:
        """Nothing has been written down; what has been is told once."""
        failures, self._failures = self._failures, []
        for failure in failures:
            raise failure


class Seen(NamedTuple):
    """A decision; `swept` is the call after its deadlines."""

    call: Call | None
    swept: Call | None
    event: Event
    outcome: Outcome

    @property
    def is_change(self) -> bool:
        """Whether it changes more than what is relayed."""
        return _plain(self.call) != _plain(self.outcome.call)

    @property
    def held(self) -> tuple[Held, ...]:
        """The candidates that it leaves for the win."""
        before, after = _held(self.call), _held(self.outcome.call)
        return after[len(before) :]

    def fits(self, before: Call | None) -> bool:
        """Whether it went by the call as it was `before`, but for what does not concern it."""
        if _plain(self.call) != _plain(before):
            return False
        if self.is_change:
            return _held(self.call) == _held(before)
        was, made = self._count(self.call), self._count(self.outcome.call)
        return was == made or was == self._count(before)

    def _count(self, call: Call | None) -> int:
        """How many candidates its device has sent."""
        device = self.event.device
        return call.relay.counts.get(device, 0) if call is not None and device is not None else 0

    def follows(self, other: "Seen") -> bool:
        """Whether it goes by what another decision has made."""
        if other.is_change:
            return _plain(self.call) == _plain(other.outcome.call)
        return bool(other.held) and all(held in _held(self.call) for held in other.held)


def check_order(before: Call | None, one: Seen, other: Seen) -> None:
    """Two decisions at the same time, of a call as it was `before`: as if one came first."""
    for seen, peer in ((one, other), (other, one)):
        assert seen.fits(before) or seen.follows(peer), "decided on what there was"
        if seen.is_change and (peer.is_change or peer.held):
            assert seen.follows(peer) or peer.follows(seen), "neither is lost"


class Judge(Everybody):
    """A policy that says what it is told to."""

    def __init__(self) -> None:
        self.verdict = Verdict.ALLOWED

    async def may_call(
        self,
        caller: Device,  # noqa: ARG002 - the protocol's
        callee_user_id: str,  # noqa: ARG002
        callee_device_id: str | None,  # noqa: ARG002
    ) -> Verdict:
        """See `CallPolicy`."""
        return self.verdict


def check_step(call: Call | None, event: Event, outcome: Outcome, now: float) -> None:
    """What holds of every step: a refusal changes nothing, a deadline waits, an end is told."""
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


class Onlooker(Witness):
    """A witness that lets an observer look at every step, also where the call's state stays."""

    def __init__(self, journal: journals.Journal, observer: "Observer") -> None:
        super().__init__(journal)
        self._observer = observer

    def observe(self, before: Call | None, after: Call | None, now: float) -> None:
        """See `Witness.observe`."""
        self._observer.written(before, after)
        super().observe(before, after, now)


class Observer:
    """Stands where `handle` stands, and passes everything on to it.

    A decision counts once it is written: a shared backend may have it made anew. The
    `judge` is the policy of the registries that it looks at.
    """

    def __init__(self) -> None:
        self.visits: Counter[Visit] = Counter()
        self.last: dict[Device, Seen] = {}  # what was decided of the last request of each
        self.journal = Journal()
        self.judge = Judge()
        self._unwritten: deque[Seen] = deque(maxlen=STALE)
        self._attempts: dict[str, int] = {}

    def handle(
        self, call: Call | None, event: Event, directory: Directory, now: float, rules: Rules
    ) -> Outcome:
        """See `core.call.handle`."""
        outcome = machine.handle(call, event, directory, now, rules)
        again = machine.handle(call, event, directory, now, rules)
        assert _told(outcome) == _told(again), "the same step gives the same answer"
        check_step(call, event, outcome, now)
        swept = machine.handle(call, CLOCK, directory, now, rules).call
        seen = Seen(call, swept, event, outcome)
        self._unwritten.append(seen)
        if event.device is not None and event.kind not in PRESENCE_EVENTS:
            self.last[event.device] = seen
        return outcome

    def forward(
        self, call: Call, sender: Device, request: pb.ConnectRequest, now: float, limits: Limits
    ) -> Outcome | None:
        """See `core.relaying.forward`: a short cut to where the machine would have come."""
        outcome = relaying.forward(call, sender, request, now, limits)
        if outcome is not None:
            event = Event("candidates", sender, 0, request)
            by_the_table = self.handle(call, event, NOBODY, now, Rules(limits=limits))
            assert _told(outcome) == _told(by_the_table)
            self.written(call, by_the_table.call)
        return outcome

    def written(self, before: Call | None, after: Call | None) -> None:
        """What was decided of `before` has taken effect."""
        for seen in reversed(self._unwritten):
            if seen.call is before and seen.outcome.call is after:
                self._check_advice(seen)
                self._visit(seen)
                self._unwritten = deque(
                    (one for one in self._unwritten if one is not seen), maxlen=STALE
                )
                return

    def _check_advice(self, seen: Seen) -> None:
        """One side offers, one waits; attempts count up, and from 1 after a CONNECTED."""
        call, _, event, outcome = seen
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

    def _visit(self, seen: Seen) -> None:
        """Count the rows that this step went through."""
        call, swept, event, outcome = seen
        if call is not None and swept is not call:
            self.visits[Driver.CLOCK, call.state, "deadline", _state(swept)] += 1
        is_driven = event.device is not None or event.kind == "terminate"
        if not is_driven or outcome.refusal is not None:
            return
        row = (_driver(swept, event), _state(swept), event.kind)
        if row in TRANSITIONS:
            self.visits[*row, _state(outcome.call)] += 1


def _plain(call: Call | None) -> object:
    """A call without what relaying changes."""
    return call and call[:-1]


def _held(call: Call | None) -> tuple[Held, ...]:
    return call.relay.held if call is not None else ()


def _state(call: Call | None) -> State:
    return State.NEW if call is None else call.state


def _driver(call: Call | None, event: Event) -> Driver:
    if event.kind in PRESENCE_EVENTS:
        return Driver.PRESENCE
    if event.kind == "terminate":
        return Driver.SERVICE
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
