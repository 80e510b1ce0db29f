"""A Hypothesis machine: people call each other, and their media comes and goes."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.errors import (
    GlareError,
    LimitExceededError,
    WrongStateError,
)
from signaling_service.core.model import ANSWERED_STATES, Call, Device, State, Verdict
from tests.core.app import App
from tests.core.names import ALICE, ALICES_PHONE, MALLORY, PHONE, TABLET
from tests.core.observer import Observer
from tests.core.service import Embedded, Service
from tests.core.simulation import Simulation
from tests.core.told import check_events

DEVICES = [ALICE, ALICES_PHONE, PHONE, TABLET, MALLORY]
LIVE = (State.RINGING, *ANSWERED_STATES)
NO = [reason for reason in pb.RejectReason.values() if reason]
REPORTS = [state for state in pb.PeerConnectionState.values() if state]
CONNECTED, FAILED = pb.PEER_CONNECTION_STATE_CONNECTED, pb.PEER_CONNECTION_STATE_FAILED
DISCONNECTED = pb.PEER_CONNECTION_STATE_DISCONNECTED
CONNECTING = pb.PEER_CONNECTION_STATE_CONNECTING

number = st.integers(0, 63)  # picks one of what there is


def if_any(*states: State) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The rule is about a call in one of these states."""
    return precondition(lambda self: bool(self.world.calls(*states)))


class People(RuleBasedStateMachine):
    """Five devices of three people, who call each other."""

    observer = Observer()

    def __init__(self) -> None:
        super().__init__()
        self.world = Simulation(DEVICES, self.observer, self.serve())
        self.listening: list[Device] = []

    def serve(self) -> Service:
        """Start the service that they use."""
        return Embedded(self.observer)

    @initialize(busy=st.sampled_from([*DEVICES, None]), n=number, is_talking=st.booleans())
    def begin(self, busy: Device | None, n: int, is_talking: bool) -> None:  # noqa: FBT001 - drawn
        """All are connected, most listen, and some talk."""
        self.listening = [device for device in DEVICES if device != busy]
        for app in self.world.apps.values():
            self.world.connect(app, resume=False)
        if is_talking:
            self.talk(n, n // 8, None)

    @invariant()
    def listen(self) -> None:
        """Apps that are not busy hear at once what there is."""
        for app in self.world.connected(self.listening):
            self.world.read(app)

    def teardown(self) -> None:
        """At rest everything has arrived and all agree; then nothing is left."""
        try:
            self.world.come_to_rest()
            self.check_rest()
            self.world.leave()
            assert self.world.service.leftovers() == []
            check_events(self.world.service.events(), self.world.apps.values())
        finally:
            self.world.service.close()

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

    def an_offer(self, app: App, device: Device, how: str) -> pb.SdpOffer:
        """A first offer to the user of `device`."""
        description = self.world.description(app, "first")
        offer = pb.SdpOffer(recipient_user_id=device.user_id, sdp=description)
        if how == "primary":
            offer.routing = pb.ROUTING_PRIMARY_DEVICE
        elif how == "named":
            offer.recipient_device_id = device.device_id
        elif how == "fail":
            offer.offline_policy = pb.OFFLINE_POLICY_FAIL
        return offer

    def call_from(self, app: App, device: Device, how: str = "") -> str:
        """A first offer, which must not cross another call."""
        call_id, reached = self.world.place(app, self.an_offer(app, device, how))
        for first in self.world.calls(State.RINGING) if reached else []:
            is_at_caller = app in self.world.legs(first)
            crosses = first.call_id != call_id and first.caller.device in reached
            assert not (is_at_caller and crosses), "glare ends in one call"
        return call_id

    @precondition(lambda self: len(self.world.calls(*LIVE)) < 5)
    @rule(
        n=number,
        to=number,
        how=st.sampled_from(["", "primary", "named", "fail"]),
        openly=st.booleans(),
    )
    def is_refused(self, n: int, to: int, how: str, openly: bool) -> None:  # noqa: FBT001 - drawn
        """A device calls somebody whom it may not call, though that one may call it."""
        ringing = self.world.calls(State.RINGING)
        legs = self.world.legs(ringing[n % len(ringing)]) if ringing else []
        apps = legs or self.world.connected(DEVICES)
        if not apps:
            return
        app, device = apps[n % len(apps)], DEVICES[to % len(DEVICES)]
        verdict = Verdict.NOT_ALLOWED_OPENLY if openly else Verdict.NOT_ALLOWED
        call = self.world.place_refused(app, self.an_offer(app, device, how), verdict)
        if call is not None:
            is_over = openly or how == "fail"
            assert call.state is (State.ENDED if is_over else State.RINGING)
            assert call.legs == {}

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
        for app in (caller, callee):
            self.send_candidates(app, call_id, 2, "")
        self.world.send(callee, call_id, answer=self.an_answer(callee))
        for app in (caller, callee):
            self.send_candidates(app, call_id, 2, "first")
        if report:
            reporter = caller if m % 2 else callee
            self.world.send(reporter, call_id, connection_state=pb.ConnectionState(state=report))
            for app in (caller, callee):
                self.send_candidates(app, call_id, 2, "first")

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
        """Several devices answer, all with candidates ahead; one wins, unless one is busy."""
        races = self.races()
        call = races[n % len(races)]
        racers = self.world.legs(call)
        for app in self.parties(call):
            self.send_candidates(app, call.call_id, count, "")
        for app in racers[:: 1 if n % 2 else -1]:
            if n // 2 % 3 == 0:
                self.send(0, [app], call, reject=pb.Reject(reason=pb.REJECT_REASON_BUSY))
                return
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
        """Candidates of this app; of an odd number the first names no generation."""
        candidates = [
            pb.IceCandidate(
                candidate=self.world.token(app, "candidate:"),
                username_fragment=ufrag if index or count % 2 == 0 else "",
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
        if call is None or call.state not in ANSWERED_STATES:
            return  # the message before was one too many
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
    @rule(
        n=number,
        m=number,
        times=st.sampled_from([1, 2, 4]),
        end=st.sampled_from([FAILED, CONNECTED]),
    )
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
