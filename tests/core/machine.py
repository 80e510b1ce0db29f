"""The whole machine: people call each other, over devices that fail in every way they can."""

from itertools import product

from hypothesis import strategies as st
from hypothesis.stateful import (
    precondition,
    rule,
)
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.errors import (
    CallNotFoundError,
)
from signaling_service.core.model import ANSWERED_STATES, Event, State
from tests.core.app import App
from tests.core.people import DEVICES, LIVE, People, if_any, number
from tests.core.service import RULES

PATIENCE = [0.5, 2.0, 5.0, 15.0, 31.0, 61.0, 119.0, 125.0]


class Devices(People):
    """They lose their streams, come back, listen or don't, and wait."""

    # streams

    @precondition(lambda self: self.world.calls(*LIVE) and len(self.dropped()) < 3)
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

    @if_any(*LIVE)
    @rule(n=number, resume=st.booleans())
    def connect_again(self, n: int, resume: bool) -> None:  # noqa: FBT001 - drawn
        """A newer stream takes over, or an app that was killed starts anew."""
        app = self.world.apps[DEVICES[n % len(DEVICES)]]
        old = app.stream
        self.world.connect(app, resume=resume)
        if old is not None:
            self.world.check_fenced(old)

    @if_any(*LIVE)
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

    @if_any(*LIVE)
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

    @if_any(*LIVE)
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

    @precondition(lambda self: len(self.world.calls(*LIVE)) > 2)
    @rule(n=number)
    def terminate(self, n: int) -> None:
        """Another service ends a call; to end it again changes nothing."""
        call = self.pick(n, *LIVE)
        for _ in range(2):
            self.world.happen(call.call_id, Event("terminate"))
            ended = self.world.call(call.call_id)
            assert ended is not None
            assert ended.ended == pb.CallEnded(reason=pb.END_REASON_TERMINATED)

    @precondition(lambda self: self.world.calls(State.ENDED) and self.world.calls(*LIVE))
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
    @rule(kind=st.sampled_from(["attached", "detached", "gone", "overflow"]))
    def stray(self, kind: str) -> None:
        """News of sessions that are no call's come late, and change nothing."""
        for call, device in product(self.world.calls(*LIVE), DEVICES):
            is_side = device in [side.device for side in (call.caller, call.callee) if side]
            if (call.state is State.RINGING and kind != "gone") or (kind == "overflow" and is_side):
                continue  # these do not name a session
            self.world.happen(call.call_id, Event(kind, device, session=999))
            assert self.world.call(call.call_id) is call
