"""Whatever devices do, in whatever order: the promises hold, and every row is visited."""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from signaling.v1 import signaling_pb2 as pb

from signaling_service import registry
from signaling_service.core.errors import (
    CallNotFoundError,
    GlareError,
    LimitExceededError,
    WrongStateError,
)
from signaling_service.core.model import ANSWERED_STATES, Call, Device, Event, State
from tests.core.app import App
from tests.core.names import ALICE, ALICES_PHONE, MALLORY, PHONE, TABLET
from tests.core.observer import EVERY_VISIT, Observer, Visit
from tests.core.simulation import RULES, Simulation

DEVICES = [ALICE, ALICES_PHONE, PHONE, TABLET, MALLORY]
LIVE = (State.RINGING, *ANSWERED_STATES)
PATIENCE = [0.5, 2.0, 5.0, 15.0, 31.0, 61.0, 119.0, 125.0]
NO = [reason for reason in pb.RejectReason.values() if reason]
REPORTS = [state for state in pb.PeerConnectionState.values() if state]
CONNECTED, FAILED = pb.PEER_CONNECTION_STATE_CONNECTED, pb.PEER_CONNECTION_STATE_FAILED
DISCONNECTED = pb.PEER_CONNECTION_STATE_DISCONNECTED
CONNECTING = pb.PEER_CONNECTION_STATE_CONNECTING

number = st.integers(0, 63)  # picks one of what there is


def if_any(*states: State) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The rule is about a call in one of these states."""
    return precondition(lambda self: bool(self.world.calls(*states)))


class Devices(RuleBasedStateMachine):
    """Five devices of three people, who call each other and lose their streams."""

    observer = Observer()

    def __init__(self) -> None:
        super().__init__()
        self.world = Simulation(DEVICES, self.observer)

    @initialize(absent=st.sampled_from([*DEVICES, None, None]), n=number, is_talking=st.booleans())
    def begin(self, absent: Device | None, n: int, is_talking: bool) -> None:  # noqa: FBT001 - drawn
        """Most devices are connected, and some talk."""
        for device in DEVICES:
            if device != absent:
                self.world.connect(self.world.apps[device], resume=False)
        if is_talking:
            self.talk(n, n // 8, None)

    def teardown(self) -> None:
        """At rest everything has arrived and all agree; then nothing is left."""
        try:
            self.world.come_to_rest()
            self.check_rest()
            self.world.leave()
            assert self.world.leftovers() == []
        finally:
            self.world.close()

    def check_rest(self) -> None:
        """What was accepted has arrived, and those who were told of a call know how it is."""
        for app in self.world.apps.values():
            assert app.got == app.expected
            assert app.errors == app.refused
            for call_id in app.calls:
                call = self.world.call(call_id)
                assert call is not None
                assert call.state in LIVE
        for call in self.world.calls(State.ENDED):
            if call.callee is not None:
                caller, callee = (
                    self.world.apps[side.device].ended.get(call.call_id, call.ended)
                    for side in (call.caller, call.callee)
                )
                assert caller == callee == call.ended

    # what there is

    def pick(self, n: int, *states: State) -> Call:
        """A call; each of the states that there are is as likely as the others."""
        calls = self.world.calls(*states)
        found = sorted({call.state for call in calls})
        those = [call for call in calls if call.state is found[n % len(found)]]
        return those[n // 8 % len(those)]

    def send(self, n: int, apps: list[App], call: Call, **payload: Any) -> None:
        """Let one of these apps, if there is any, send a request that is all right."""
        if apps:
            assert self.world.send(apps[n % len(apps)], call.call_id, **payload) is None

    def parties(self, call: Call) -> list[App]:
        """The connected apps that have a part in a live call."""
        return self.world.sides(call) + self.world.legs(call)

    # to begin a call

    @precondition(lambda self: len(self.world.calls(*LIVE)) < 5)
    @rule(n=number, to=number, how=st.sampled_from(["", "", "primary", "named", "fail"]))
    def place(self, n: int, to: int, how: str) -> None:
        """A device calls somebody."""
        if apps := self.world.connected(DEVICES):
            self.call_from(apps[n % len(apps)], DEVICES[to % len(DEVICES)], how)

    def call_from(self, app: App, device: Device, how: str = "") -> str:
        """A first offer, which must not cross another call."""
        description = self.world.description(app, "first")
        offer = pb.SdpOffer(recipient_user_id=device.user_id, sdp=description)
        if how == "primary":
            offer.routing = pb.ROUTING_PRIMARY_DEVICE
        elif how == "named":
            offer.recipient_device_id = device.device_id
        elif how == "fail":
            offer.offline_policy = pb.OFFLINE_POLICY_FAIL
        call_id, reached = self.world.place(app, offer)
        for first in self.world.calls(State.RINGING) if reached else []:
            is_at_caller = app in self.world.legs(first)
            crosses = first.call_id != call_id and first.caller.device in reached
            assert not (is_at_caller and crosses), "glare ends in one call"
        return call_id

    @precondition(lambda self: len(self.world.calls(*ANSWERED_STATES)) < 4)
    @rule(n=number, m=number, report=st.sampled_from([None, CONNECTED, FAILED]))
    def talk(self, n: int, m: int, report: pb.PeerConnectionState.ValueType | None) -> None:
        """A call that is answered at once, and whose first report is this."""
        apps = self.world.connected(DEVICES)
        if len(apps) < 2:
            return
        caller = apps[n % len(apps)]
        callee = [app for app in apps if app is not caller][m % (len(apps) - 1)]
        call_id = self.call_from(caller, callee.device)
        self.world.send(callee, call_id, answer=self.an_answer(callee))
        if report:
            reporter = caller if m % 2 else callee
            self.world.send(reporter, call_id, connection_state=pb.ConnectionState(state=report))

    @if_any(State.RINGING)
    @rule(n=number, m=number)
    def call_back(self, n: int, m: int) -> None:
        """A device that rings calls the caller."""
        call = self.pick(n, State.RINGING)
        if legs := self.world.legs(call):
            self.call_from(legs[m % len(legs)], call.caller.device)

    @if_any(*LIVE)
    @rule(n=number)
    def repeat(self, n: int) -> None:
        """A caller sends its first offer again; nothing comes of it."""
        call = self.pick(n, *LIVE)
        app = self.world.apps[call.caller.device]
        if app.is_connected:
            offer = self.world.offers[call.call_id]
            assert self.world.send(app, call.call_id, offer=offer) is None
            assert self.world.call(call.call_id) is call

    # while it rings

    @if_any(State.RINGING)
    @rule(n=number, m=number)
    def ring(self, n: int, m: int) -> None:
        """A device says that it rings."""
        call = self.pick(n, State.RINGING)
        self.send(m, self.world.legs(call), call, ringing=pb.Ringing())

    def an_answer(self, app: App, ufrag: str = "first", negotiation: int = 0) -> pb.SdpAnswer:
        """An answer of this app."""
        return pb.SdpAnswer(sdp=self.world.description(app, ufrag), negotiation=negotiation)

    @if_any(State.RINGING)
    @rule(n=number, m=number, negotiation=st.sampled_from([0, 0, 1, 2]))
    def answer(self, n: int, m: int, negotiation: int) -> None:
        """A device answers."""
        call = self.pick(n, State.RINGING)
        if legs := self.world.legs(call):
            app = legs[m % len(legs)]
            answer = self.an_answer(app, negotiation=negotiation)
            refusal = self.world.send(app, call.call_id, answer=answer)
            assert negotiation < 2 or isinstance(refusal, WrongStateError)
            assert refusal is None or negotiation == 2 or isinstance(refusal, LimitExceededError)

    @if_any(State.RINGING)
    @rule(n=number, m=number, reason=st.sampled_from(NO))
    def reject(self, n: int, m: int, reason: pb.RejectReason.ValueType) -> None:
        """A device says no."""
        call = self.pick(n, State.RINGING)
        self.send(m, self.world.legs(call), call, reject=pb.Reject(reason=reason))

    @precondition(lambda self: self.races())
    @rule(n=number, count=st.integers(1, 3))
    def race(self, n: int, count: int) -> None:
        """Several devices answer, all of them with candidates ahead; one of them wins."""
        races = self.races()
        call = races[n % len(races)]
        racers = self.world.legs(call)
        for app in self.parties(call):
            self.send_candidates(app, call.call_id, count, "")
        for app in racers[:: 1 if n % 2 else -1]:
            answer = self.an_answer(app)
            refusal = self.world.send(app, call.call_id, answer=answer)
            assert refusal is None or isinstance(refusal, WrongStateError | LimitExceededError)

    def races(self) -> list[Call]:
        """The calls that ring at several devices."""
        return [call for call in self.world.calls(State.RINGING) if len(self.world.legs(call)) > 1]

    # while it lives

    @if_any(*LIVE)
    @rule(n=number, m=number)
    def hang_up(self, n: int, m: int) -> None:
        """A device cancels, declines or hangs up."""
        call = self.pick(n, *LIVE)
        self.send(m, self.parties(call), call, hangup=pb.Hangup())

    @if_any(*LIVE)
    @rule(n=number, m=number, count=st.integers(1, 20), ufrag=st.sampled_from(["", "first", "x"]))
    def trickle(self, n: int, m: int, count: int, ufrag: str) -> None:
        """A device sends candidates, of this generation or another."""
        call = self.pick(n, *LIVE)
        if parties := self.parties(call):
            self.send_candidates(parties[m % len(parties)], call.call_id, count, ufrag)

    def send_candidates(self, app: App, call_id: str, count: int, ufrag: str) -> None:
        """Candidates of this app; every third names no generation."""
        candidates = [
            pb.IceCandidate(
                candidate=self.world.token(app, "candidate:"),
                username_fragment=ufrag if index % 3 else "",
            )
            for index in range(count)
        ]
        self.world.send(app, call_id, candidates=pb.IceCandidates(candidates=candidates))

    @if_any(*LIVE)
    @rule(n=number, m=number)
    def chat(self, n: int, m: int) -> None:
        """A device sends whatever its app understands."""
        call = self.pick(n, *LIVE)
        if parties := self.parties(call):
            app = parties[m % len(parties)]
            self.send(0, [app], call, app_message=self.a_message(app))

    def a_message(self, app: App) -> pb.AppMessage:
        """An app message of this app."""
        return pb.AppMessage(body=self.world.token(app).encode())

    @if_any(*ANSWERED_STATES)
    @rule(n=number, m=number, ufrag=st.sampled_from(["", "first", "second", "third"]))
    def renegotiate(self, n: int, m: int, ufrag: str) -> None:
        """A side offers; if the other's offer is open, that is glare."""
        call = self.pick(n, *ANSWERED_STATES)
        if sides := self.world.sides(call):
            self.offer(sides[m % len(sides)], call.call_id, ufrag)

    def offer(self, app: App, call_id: str, ufrag: str) -> None:
        """An offer within a call."""
        call = self.world.call(call_id)
        assert call is not None
        offer = pb.SdpOffer(sdp=self.world.description(app, ufrag))
        refusal = self.world.send(app, call_id, offer=offer)
        is_glare = call.negotiation.opened_by not in (None, app.device)
        assert isinstance(refusal, GlareError) if is_glare else refusal is None

    @precondition(lambda self: self.open_negotiations())
    @rule(n=number, behind=st.sampled_from([None, None, 0, 1]), ufrag=st.sampled_from(["", "y"]))
    def reply(self, n: int, behind: int | None, ufrag: str) -> None:
        """The other side answers the open offer, or one before it."""
        open_ = self.open_negotiations()
        call, app = open_[n % len(open_)]
        negotiation = 0 if behind is None else call.negotiation.number - behind
        answer = self.an_answer(app, ufrag, negotiation)
        refusal = self.world.send(app, call.call_id, answer=answer)
        assert isinstance(refusal, WrongStateError) if behind == 1 else refusal is None

    def open_negotiations(self) -> list[tuple[Call, App]]:
        """Answered calls with an open offer, and who is to answer it."""
        return [
            (call, app)
            for call in self.world.calls(*ANSWERED_STATES)
            for app in self.world.sides(call)
            if call.negotiation.opened_by not in (None, app.device)
        ]

    @if_any(*ANSWERED_STATES)
    @rule(n=number, m=number, behind=st.sampled_from([None, 0, 1]), times=st.integers(1, 2))
    def negotiate(self, n: int, m: int, behind: int | None, times: int) -> None:
        """Both sides offer, one perhaps twice; then an answer to one of the offers."""
        call = self.pick(n, *ANSWERED_STATES)
        sides = self.world.sides(call)
        for number_ in range(times):
            for side in sides[:: 1 if m % 2 else -1]:
                self.offer(side, call.call_id, f"negotiated-{number_}")
        if self.open_negotiations():
            self.reply(n, behind, "")

    # media

    @if_any(*ANSWERED_STATES)
    @rule(n=number, m=number, report=st.sampled_from(REPORTS))
    def report(self, n: int, m: int, report: pb.PeerConnectionState.ValueType) -> None:
        """A side says how its connection is."""
        call = self.pick(n, *ANSWERED_STATES)
        state = pb.ConnectionState(state=report)
        self.send(m, self.world.sides(call), call, connection_state=state)

    @if_any(*ANSWERED_STATES)
    @rule(n=number, m=number, report=st.sampled_from([DISCONNECTED, CONNECTING]))
    def wait_for_media(self, n: int, m: int, report: pb.PeerConnectionState.ValueType) -> None:
        """A side waits a little too long for media to flow, or to flow again."""
        call = self.pick(n, *ANSWERED_STATES)
        state = pb.ConnectionState(state=report)
        self.send(m, self.world.sides(call), call, connection_state=state)
        self.world.advance(3.5 if report == DISCONNECTED else 31.0)

    @if_any(*ANSWERED_STATES)
    @rule(n=number, m=number, times=st.integers(1, 4), end=st.sampled_from([FAILED, CONNECTED]))
    def reconnect(self, n: int, m: int, times: int, end: pb.PeerConnectionState.ValueType) -> None:
        """The connection fails, and each attempt to bring it back does, but perhaps the last."""
        call = self.pick(n, *ANSWERED_STATES)
        sides = self.world.sides(call)
        if len(sides) < 2:
            return
        offerer, answerer = sides if m % 2 else reversed(sides)
        for left in reversed(range(times)):
            report = end if not left else FAILED
            offer = pb.SdpOffer(sdp=self.world.description(offerer, f"restart{left}"))
            self.world.send(offerer, call.call_id, offer=offer)
            answer = self.an_answer(answerer, f"restart{left}")
            self.world.send(answerer, call.call_id, answer=answer)
            state = pb.ConnectionState(state=report)
            self.world.send(sides[m // 2 % 2], call.call_id, connection_state=state)

    # streams

    @precondition(lambda self: len(self.dropped()) < 3)
    @rule(n=number)
    def drop(self, n: int) -> None:
        """A stream is lost."""
        apps = self.world.connected(DEVICES)
        self.world.drop(apps[n % len(apps)])

    @if_any(*LIVE)
    @rule(n=number, m=number)
    def lose(self, n: int, m: int) -> None:
        """A stream is lost with a request in it."""
        call = self.pick(n, *LIVE)
        if parties := self.parties(call):
            app = parties[m % len(parties)]
            self.world.lose(app, call.call_id, app_message=self.a_message(app))

    @precondition(lambda self: self.dropped())
    @rule(n=number)
    def come_back(self, n: int) -> None:
        """A device that lost its stream resumes."""
        dropped = self.dropped()
        self.world.connect(dropped[n % len(dropped)], resume=True)

    def dropped(self) -> list[App]:
        """The apps without a stream."""
        return [app for app in self.world.apps.values() if not app.is_connected]

    @rule(n=number, resume=st.booleans())
    def connect_again(self, n: int, resume: bool) -> None:  # noqa: FBT001 - drawn
        """A newer stream takes over, or an app that was killed starts anew."""
        app = self.world.apps[DEVICES[n % len(DEVICES)]]
        old = app.stream
        self.world.connect(app, resume=resume)
        if old is not None:
            self.world.check_fenced(old)

    @rule(n=number, count=st.integers(1, 30), ack=st.booleans())
    def read(self, n: int, count: int, ack: bool) -> None:  # noqa: FBT001 - drawn
        """An app takes some of what it has to be told."""
        if apps := self.world.connected(DEVICES):
            app = apps[n % len(apps)]
            self.world.read(app, count)
            if ack:
                self.world.ack(app)

    @if_any(*LIVE)
    @rule(n=number, m=number, is_full=st.booleans())
    def flood(self, n: int, m: int, is_full: bool) -> None:  # noqa: FBT001 - drawn
        """One device stops listening while another goes on sending: to the brim, or beyond."""
        call = self.pick(n, *LIVE)
        parties = self.parties(call)
        if len(parties) < 2:
            return
        sender, victim = parties[0], parties[1:][m % (len(parties) - 1)]
        if m % 3 == 0 and call.state is not State.RINGING:
            sender, victim = victim, sender
        for listener in (sender, victim):
            self.world.read(listener)
            self.world.ack(listener)
        room = RULES.limits.unacked_messages + (1 if is_full else 0)
        for _ in range(room):
            self.world.send(sender, call.call_id, app_message=self.a_message(sender))
            for listener in parties:
                if listener is not victim:
                    self.world.read(listener)
                    self.world.ack(listener)
        others = [app for app in self.world.legs(call) if app is not victim]
        if not is_full and others and call.state is State.RINGING:
            self.world.send(others[0], call.call_id, answer=self.an_answer(others[0]))

    # time

    @rule(seconds=st.sampled_from(PATIENCE))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.world.advance(seconds)

    @if_any(*ANSWERED_STATES)
    @rule()
    def wait_for_ever(self) -> None:
        """A day passes, and nobody hangs up."""
        self.world.advance(24 * 3600.0)

    # what should come to nothing

    @if_any(*LIVE, State.ENDED)
    @rule(n=number, m=number, kind=st.sampled_from(["hangup", "answer", "reject", "ringing"]))
    def meddle(self, n: int, m: int, kind: str) -> None:
        """Somebody else names the call, and learns nothing."""
        call = self.pick(n, *LIVE, State.ENDED)
        users = (call.caller.device.user_id, call.callee_user_id)
        strangers = [
            app for app in self.world.connected(DEVICES) if app.device.user_id not in users
        ]
        if strangers:
            refusal = self.world.send(
                strangers[m % len(strangers)], call.call_id, **{kind: self.a_payload(kind)}
            )
            assert refusal is not None
            assert refusal.message(0) == CallNotFoundError().message(0)
            assert self.world.call(call.call_id) is call

    def a_payload(self, kind: str) -> object:
        """A request that needs no more."""
        payload = getattr(pb.ConnectRequest(), kind)
        if kind == "answer":
            payload.sdp = "v=0"
        return payload

    @if_any(State.ENDED)
    @rule(n=number, m=number, kind=st.sampled_from(["hangup", "answer", "ringing"]))
    def come_late(self, n: int, m: int, kind: str) -> None:
        """A request about a call that is over hears how it ended, each time the same."""
        call = self.pick(n, State.ENDED)
        app = self.world.apps[DEVICES[m % len(DEVICES)]]
        if app.is_connected and self.world.parties[call.call_id].has(app.device):
            first = self.world.send(app, call.call_id, **{kind: self.a_payload(kind)})
            second = self.world.send(app, call.call_id, **{kind: self.a_payload(kind)})
            assert first is not None
            assert second is not None
            assert first.message(0) == second.message(0)
            assert self.world.call(call.call_id) is call

    @if_any(*LIVE)
    @rule(n=number, m=number, kind=st.sampled_from(["attached", "detached", "gone", "overflow"]))
    def stray(self, n: int, m: int, kind: str) -> None:
        """News of a session that is not the call's come late, and change nothing."""
        call = self.pick(n, *LIVE)
        device = DEVICES[m % len(DEVICES)]
        parties = {side.device for side in (call.caller, call.callee) if side} | set(call.legs)
        if kind == "overflow" and device in parties and call.state is State.RINGING:
            return
        if kind == "overflow" and device in {app.device for app in self.parties(call)}:
            return
        if call.state is State.RINGING and kind in ("attached", "detached"):
            return
        before = self.world.call(call.call_id)
        self.world.happen(call.call_id, Event(kind, device, session=999))
        assert self.world.call(call.call_id) is before


@cache
def visits() -> dict[Visit, int]:
    """Run the machine; how often each row of the table was gone through, to each next state."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "handle", Devices.observer.handle)
        patch.setattr(registry, "log", Devices.observer.journal)
        run_state_machine_as_test(Devices, settings=settings(stateful_step_count=60))
    return Devices.observer.visits


@pytest.mark.timeout(1800)
def test_promises_hold_whatever_happens() -> None:
    """Runs of random calls, each checked at every step, at every app, and at rest."""
    assert sum(visits().values()) > 0


@pytest.mark.timeout(1800)
def test_every_row_is_visited(record_property: Callable[[str, object], None]) -> None:
    """Runs that miss a row would prove nothing about it."""
    record_property("visits", [[*map(str, row), visits().get(row, 0)] for row in EVERY_VISIT])

    assert [row for row in EVERY_VISIT if not visits().get(row)] == []
