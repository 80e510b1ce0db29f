"""Apps on devices, and the service that they call each other through: without a server."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.backends.base import Step, StreamId
from signaling_service.core.errors import FencedError, MailboxFullError, RefusedError
from signaling_service.core.mailbox import ERRORS, Entry
from signaling_service.core.model import (
    ANSWERED_STATES,
    Call,
    Device,
    Directory,
    Event,
    Outcome,
    Side,
    State,
    Verdict,
)
from signaling_service.core.rules import ENDED_MEMORY, MAX_CALL_AGE
from tests.core.app import App, Parties
from tests.core.names import sdp
from tests.core.observer import Observer, check_order
from tests.core.service import RULES, Service

Payload = Mapping[str, Any]  # of a request, under the name of its kind

TICK: Final = 0.001  # s; no two streams are lost in the same instant
UNHEARD_FOR: Final = RULES.resume_window + ENDED_MEMORY


class Simulation:
    """Apps on devices, and the service that they call each other through."""

    def __init__(self, devices: list[Device], observer: Observer, service: Service) -> None:
        self.observer = observer
        self.service = service
        self.clock = service.clock
        self.parties: dict[str, Parties] = {}
        self.apps = {device: App(device, self.parties) for device in devices}
        self.held: dict[str, list[tuple[Device, int, str]]] = {}
        self.offers: dict[str, pb.SdpOffer] = {}
        self._tokens = 0

    # time

    def advance(self, seconds: float) -> None:
        """Let time pass, and whatever it brings happen when it is due."""
        self.service.advance(seconds)
        self.observer.journal.check()
        if seconds >= self.service.notices_within:
            for side in (side for call in self.calls(*ANSWERED_STATES) for side in _sides(call)):
                assert side.is_away != self.apps[side.device].is_connected, "it is there or away"

    # streams

    def connect(self, app: App, *, resume: bool) -> None:
        """A new stream; what may be lost on the way is sent again."""
        request = app.hello(resume=resume and app.session_id is not None)
        connection = self.service.connect(app.device, request)
        lost = self.clock.now() - app.dropped_at >= UNHEARD_FOR and not app.is_connected
        in_flight = app.in_flight
        app.welcome(connection, may_forget=lost)
        app.in_flight = []
        if connection.is_resumed:
            app.confirm(request)
            assert connection.received == app.seq - len(in_flight), (
                "what was sent, but for the lost"
            )
            for again in in_flight:
                self._dispatch(app, again)

    def drop(self, app: App) -> None:
        """Lose the stream."""
        self.service.disconnect(_stream(app))
        app.stream = None
        app.dropped_at = self.clock.now()
        self.advance(TICK)

    def cut(self, stream: StreamId) -> None:
        """A stream is lost, and the service does not notice."""
        app = self.apps[stream.device]
        if app.stream == stream:
            app.stream = None
            app.dropped_at = self.clock.now()
            self.advance(TICK)

    def read(self, app: App, count: int = 1_000_000) -> None:
        """Let the app process some of what it has to be told."""
        unacked = self.service.read(_stream(app))
        _check_load(unacked)
        for entry in [entry for entry in unacked if entry.seq > app.processed][:count]:
            app.process(entry)

    def ack(self, app: App) -> None:
        """Acknowledge what was processed, with no request."""
        request = pb.ConnectRequest(ack=app.processed)
        self.service.dispatch(_stream(app), request)
        app.confirm(request)

    def check_fenced(self, stream: StreamId) -> None:
        """A stream that a newer one has replaced can do nothing."""
        bye = pb.ConnectRequest(seq=1_000_000, call_id="call-0", hangup=pb.Hangup())
        with pytest.raises(FencedError):
            self.service.dispatch(stream, bye)
        self.service.check_fenced(stream)
        self.service.disconnect(stream)

    # requests

    def send(self, app: App, call_id: str, **payload: Any) -> RefusedError | None:
        """Send a request; returns why it was refused, if it was."""
        return self._dispatch(app, app.request(call_id, **payload))

    def send_across(
        self, *sends: tuple[App, str, Payload], scripts: int
    ) -> list[RefusedError | None]:
        """Let two apps send at the same time, about a call each; returns why not, if refused.

        The first request stops halfway, until the second is done.
        """
        for app, _, _ in sends:
            self.read(app)
            self.ack(app)  # so that there is room for an error
            self.observer.last.pop(app.device, None)
        before = {call_id: self.call(call_id) for _, call_id, _ in sends}
        failovers = self.service.failovers
        asked = [(app, app.request(call_id, **payload)) for app, call_id, payload in sends]
        first, second = ((_stream(app), request) for app, request in asked)
        self.service.dispatch_across(first, second, scripts)
        one, other = (self.observer.last[app.device] for app, _ in asked)
        if len(before) == 1 and failovers == self.service.failovers:
            check_order(before.popitem()[1], one, other)
        notes = [(*each, seen) for each, seen in zip(asked, (one, other), strict=True)]
        for app, request, seen in notes[:: -1 if one.follows(other) else 1]:
            self._note(app, seen.call, request, seen.outcome.refusal)
        return [one.outcome.refusal, other.outcome.refusal]

    def lose(self, app: App, call_id: str, **payload: Any) -> None:
        """Send a request into a stream that is lost before it arrives."""
        app.in_flight.append(app.request(call_id, **payload))
        self.drop(app)

    def place(self, app: App, offer: pb.SdpOffer) -> tuple[str, set[Device]]:
        """Send a first offer; returns the id of the call, and the devices that it rings."""
        call_id = self.announce(app, offer)
        self.send(app, call_id, offer=offer)
        call = self.call(call_id)
        return call_id, set(call.legs) if call is not None else set()

    def place_refused(self, app: App, offer: pb.SdpOffer, verdict: Verdict) -> Call | None:
        """Send a first offer that the policy does not allow; nobody but its caller may hear of it.

        Returns the call, unless the caller has too many.
        """
        call_id = self.announce(app, offer)
        self.parties[call_id].recipient = ""
        self.observer.judge.verdict = verdict
        self.send(app, call_id, offer=offer)
        self.observer.judge.verdict = Verdict.ALLOWED
        return self.call(call_id)

    def announce(self, app: App, offer: pb.SdpOffer) -> str:
        """The id of a call that is to begin."""
        call_id = f"call-{len(self.parties)}"
        self.parties[call_id] = Parties(app.device, offer.recipient_user_id)
        self.offers[call_id] = offer
        return call_id

    def token(self, app: App, prefix: str = "") -> str:
        """A text that names its sender, and no other like it."""
        self._tokens += 1
        user_id, device_id = app.device
        return f"{prefix}{user_id}/{device_id}#{self._tokens}"

    def description(self, app: App, ufrag: str = "") -> str:
        """A session description with a token in it."""
        return sdp(ufrag, name=self.token(app))

    def happen(self, call_id: str, event: Event) -> None:
        """Let something happen to a call that comes from no request."""

        def decide(call: Call | None, directory: Directory, now: float) -> Outcome:
            return self.observer.handle(call, event, directory, now, RULES)

        self.service.happen(Step(call_id, decide))

    # what there is

    def call(self, call_id: str) -> Call | None:
        """The call, if the service knows of one."""
        return self.service.call(call_id)

    def calls(self, *states: State) -> list[Call]:
        """The calls in one of these states, in the order of their ids."""
        found = [self.call(call_id) for call_id in self.parties]
        return [call for call in found if call is not None and call.state in states]

    def connected(self, devices: list[Device]) -> list[App]:
        """The apps of these devices that have a stream."""
        return [self.apps[device] for device in devices if self.apps[device].is_connected]

    def sides(self, call: Call) -> list[App]:
        """The connected apps of the caller and, once answered, of the callee."""
        return self.connected([side.device for side in _sides(call)])

    def legs(self, call: Call) -> list[App]:
        """The connected apps that may still answer."""
        return self.connected([leg.device for leg in call.live_legs])

    # the end

    def come_to_rest(self) -> None:
        """Let every app come back, and hear all that there is."""
        for _ in range(2):  # what is sent again may tell others something
            for app in self.apps.values():
                if not app.is_connected:
                    self.connect(app, resume=True)
                self.read(app)
                self.ack(app)

    def leave(self) -> None:
        """Let every app go, and all of it be forgotten."""
        for app in self.apps.values():
            if app.is_connected:
                self.drop(app)
        for seconds in (RULES.resume_window, ENDED_MEMORY, ENDED_MEMORY, MAX_CALL_AGE):
            self.advance(seconds + 1)

    def _dispatch(self, app: App, request: pb.ConnectRequest) -> RefusedError | None:
        before = self.call(request.call_id)
        failovers = self.service.failovers
        self.observer.last.pop(app.device, None)
        try:
            self.service.dispatch(_stream(app), request)
        except MailboxFullError:
            self.read(app)
            self.ack(app)
            self.service.dispatch(_stream(app), request)
        seen = self.observer.last.get(app.device)
        refusal = seen.outcome.refusal if seen is not None else None
        if seen is not None and failovers == self.service.failovers:
            assert seen.fits(before), "decided on what there is"
        self._note(app, before, request, refusal)
        return refusal

    def _note(
        self, app: App, call: Call | None, request: pb.ConnectRequest, refusal: RefusedError | None
    ) -> None:
        """Note what comes of a request; `call` is how it found the call."""
        app.confirm(request)
        if refusal is not None:
            app.refused[request.seq] = refusal.message(request.seq)
            if refusal.ended is not None:
                assert app.ended.get(request.call_id, refusal.ended) == refusal.ended, "one truth"
        if call is not None:
            self._expect(app, call, request, refusal)

    def _expect(
        self, app: App, call: Call, request: pb.ConnectRequest, refusal: RefusedError | None
    ) -> None:
        """Note whom the tokens of a request have to reach."""
        tokens = _tokens(request, refusal)
        if call.state is State.RINGING:
            self._expect_while_it_rings(app, call, request, tokens)
        elif call.state in ANSWERED_STATES and call.callee is not None:
            caller, callee = call.caller.device, call.callee.device
            if app.device in (caller, callee):
                peer = callee if app.device == caller else caller
                self.apps[peer].expected += tokens

    def _expect_while_it_rings(
        self, app: App, call: Call, request: pb.ConnectRequest, tokens: list[str]
    ) -> None:
        caller = call.caller.device
        kind = request.WhichOneof("payload")
        held = self.held.setdefault(call.call_id, [])
        if not tokens or kind == "offer":
            return
        if kind == "candidates":
            session = app.stream.session if app.stream else 0
            held += [(app.device, session, token) for token in tokens]
        elif kind == "app_message":
            legs = [leg.device for leg in call.live_legs] if app.device == caller else [caller]
            for device in legs:
                self.apps[device].expected += tokens
        else:  # the answer that wins
            self.apps[caller].expected += tokens
            sessions = {caller: call.caller.session, app.device: call.legs[app.device].session}
            for sender, session, token in held:
                if sessions.get(sender) == session:
                    receiver = app.device if sender == caller else caller
                    self.apps[receiver].expected.append(token)


def _stream(app: App) -> StreamId:
    assert app.stream is not None
    return app.stream


def _sides(call: Call) -> list[Side]:
    return [side for side in (call.caller, call.callee) if side is not None]


def _check_load(unacked: Sequence[Entry]) -> None:
    """A call that leaves too much unacknowledged at a device is over for it."""
    load = Counter(entry.bucket for entry in unacked)
    ended = {entry.bucket for entry in unacked if entry.kind == "ended"}
    over = {bucket for bucket, count in load.items() if count > RULES.limits.unacked_messages}
    assert over <= ended | {ERRORS}
    assert load[ERRORS] <= RULES.limits.unacked_messages + 1


def _tokens(request: pb.ConnectRequest, refusal: RefusedError | None) -> list[str]:
    """What of a request has to arrive."""
    match request.WhichOneof("payload"):
        case "candidates" if refusal is None or refusal.candidate_indexes:
            left_out = set(refusal.candidate_indexes) if refusal else set()
            return [
                one.candidate
                for index, one in enumerate(request.candidates.candidates)
                if index not in left_out
            ]
        case "app_message" if refusal is None:
            return [request.app_message.body.decode()]
        case "offer" if refusal is None and not request.offer.recipient_user_id:
            return [request.offer.sdp]
        case "answer" if refusal is None:
            return [request.answer.sdp]
    return []
