"""Who calls whom, and calls at every stage of their life.

Alice calls Bob. Every device is in its session 1 unless a test says otherwise, and
a call begins at START.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from signaling.v1 import signaling_pb2 as pb

from signaling_service.core import call as machine
from signaling_service.core.model import Call, Device, Event, Outcome, State
from signaling_service.core.rules import Rules
from tests.core import events
from tests.core.names import ALICE, PHONE, SESSION, START

RULES = Rules()


@dataclass(frozen=True)
class Here:
    """A device's session."""

    session: int = SESSION
    is_connected: bool = True
    attached_at: float = START
    active_at: float = 0.0


@dataclass
class Person:
    """A user: sessions by device id, live calls by call id."""

    sessions: dict[str, Here] = field(default_factory=dict)
    placed: dict[str, str] = field(default_factory=dict)
    received: dict[str, str] = field(default_factory=dict)


class World:
    """A directory: who is connected, and which calls are live."""

    def __init__(
        self, connected: Iterable[Device] | Mapping[Device, Here] = (), calls: Sequence[Call] = ()
    ) -> None:
        self._users: dict[str, Person] = {}
        self._calls = {call.call_id: call for call in calls}
        here = connected if isinstance(connected, Mapping) else dict.fromkeys(connected, Here())
        for device, presence in here.items():
            self._person(device.user_id).sessions[device.device_id] = presence
        for call in calls:
            self._add(call)

    def user(self, user_id: str) -> Person:
        """The user, an empty one if nobody knows the id."""
        return self._users.get(user_id, Person())

    def call(self, call_id: str) -> Call:
        """A live call."""
        return self._calls[call_id]

    def _person(self, user_id: str) -> Person:
        return self._users.setdefault(user_id, Person())

    def _add(self, call: Call) -> None:
        caller = call.caller.device
        self._person(caller.user_id).placed[call.call_id] = caller.device_id
        if not call.is_barred:
            answered_by = call.callee.device.device_id if call.callee else ""
            self._person(call.callee_user_id).received[call.call_id] = answered_by


NOBODY = World()


def step(
    call: Call | None,
    event: Event,
    now: float = START,
    world: World = NOBODY,
    rules: Rules = RULES,
) -> Outcome:
    """Apply one event to one call."""
    return machine.handle(call, event, world, now, rules)


def after(
    call: Call | None,
    *happenings: Event,
    now: float = START,
    world: World = NOBODY,
    rules: Rules = RULES,
) -> Call:
    """The call once all of this has happened to it, none of it refused."""
    for event in happenings:
        outcome = step(call, event, now, world, rules)
        assert outcome.refusal is None, repr(outcome.refusal)
        call = outcome.call
    return the(call)


def the(call: Call | None) -> Call:
    """The call that must be there."""
    assert call is not None
    return call


# calls


def a_ringing_call(
    legs: Sequence[Device] = (PHONE,), offer: Event | None = None, rules: Rules = RULES
) -> Call:
    """A call that rings at these devices and nowhere else."""
    return after(None, offer or events.offer_from(ALICE), world=World(legs), rules=rules)


def a_waiting_call(offer: Event | None = None) -> Call:
    """A call to somebody who is not connected."""
    return a_ringing_call(legs=(), offer=offer)


def a_barred_call() -> Call:
    """A call that the callee must not notice."""
    rings = [a_ringing_call(offer=events.offer_from(ALICE, call_id=f"c{n}")) for n in range(16)]
    world = World([PHONE], rings)
    return after(
        None, events.offer_from(ALICE), world=world, rules=with_limits(calls_per_device=99)
    )


def an_answered_call(legs: Sequence[Device] = (PHONE,), offer: Event | None = None) -> Call:
    """A call that the first of these devices has answered."""
    return after(a_ringing_call(legs, offer), events.answer_from(legs[0]))


def a_connected_call() -> Call:
    """A call whose media flows."""
    return after(an_answered_call(), events.reports(ALICE, pb.PEER_CONNECTION_STATE_CONNECTED))


def a_reconnecting_call(attempt: int = 1, *, was_connected: bool = True) -> Call:
    """A call whose connection failed, and whose sides were advised `attempt` times."""
    call = a_connected_call() if was_connected else an_answered_call()
    for _ in range(attempt - 1):
        call = an_answered_attempt(after(call, events.failed(ALICE)))
    return after(call, events.failed(ALICE))


def an_answered_attempt(call: Call) -> Call:
    """The call once the offer and answer of its attempt went through."""
    return after(call, events.reoffer_from(ALICE), events.answer_from(PHONE))


def an_ended_call(now: float = START) -> Call:
    """A call that its caller has hung up."""
    return after(an_answered_call(), events.hangup_from(ALICE), now=now)


CALLS: Mapping[State, Call | None] = {
    State.NEW: None,
    State.RINGING: a_ringing_call(),
    State.ANSWERED: an_answered_call(),
    State.CONNECTED: a_connected_call(),
    State.RECONNECTING: a_reconnecting_call(),
    State.ENDED: an_ended_call(),
}


def another(call: Call, call_id: str) -> Call:
    """The same call under another id."""
    return call._replace(call_id=call_id)


# rules and refusals


def with_limits(**limits: int) -> Rules:
    """The rules, with some limits changed."""
    return replace(RULES, limits=replace(RULES.limits, **limits))


class Refusal(NamedTuple):
    """A refusal as its sender gets it, but for the sentence."""

    code: str
    ended: pb.CallEnded | None = None
    candidate_indexes: tuple[int, ...] = ()


def refusal(outcome: Outcome) -> Refusal:
    """Why the event of `outcome` was refused."""
    assert outcome.refusal is not None
    error = outcome.refusal.message(in_reply_to=1)
    return Refusal(
        pb.ErrorCode.Name(error.code).removeprefix("ERROR_CODE_"),
        error.ended if error.HasField("ended") else None,
        tuple(error.candidate_indexes),
    )


def is_untouched(outcome: Outcome, call: Call | None) -> bool:
    """Whether the step has left no trace: the same call, and nothing for anybody."""
    return outcome.call is call and outcome.deliveries == ()
