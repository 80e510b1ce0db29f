"""The promises hold on two nodes that share an engine, wherever streams are, and when nodes die.

The machine of the core drives two nodes, all but their gRPC, on a real engine and a clock
that stands still; it expects of them just what it expects of one node.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partialmethod
from itertools import cycle
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test
from signaling.v1 import signaling_pb2 as pb

from signaling_service import deadlines, registry
from signaling_service.backends import link, redis
from signaling_service.backends.location import Location
from signaling_service.backends.membership import Membership
from signaling_service.core.errors import RefusedError
from signaling_service.core.model import ANSWERED_STATES, Call, Device, State
from tests.cluster.feed import PATIENCE
from tests.cluster.service import Cluster
from tests.core.app import App
from tests.core.machine import Devices
from tests.core.observer import Observer, table
from tests.core.people import DEVICES, FAILED, LIVE, if_any, number
from tests.core.service import Service
from tests.shared import shared_cell
from tests.valkey import Valkey

KINDS = ["offer", "candidates", "candidates", "app_message", "connection_state", "hangup"]

node = st.integers(0, 1)
scripts = st.integers(0, 4)  # that somebody has sent to the engine when somebody else comes
kind = st.sampled_from(KINDS)
crossing = st.sampled_from(["answer", "candidates", "hangup"])


class DevicesOfTwoNodes(Devices):
    """The same people; what they use is less simple."""

    observer = Observer()
    counts: ClassVar = Counter[str]()
    valkey: ClassVar[Valkey]

    def serve(self) -> Service:
        """Start two nodes."""
        self.cluster = Cluster(shared_cell(self.valkey), self.observer)
        return self.cluster

    @initialize(
        busy=st.sampled_from([*DEVICES, None]),
        n=number,
        is_talking=st.booleans(),
        route=st.lists(node, min_size=1, max_size=16),
    )
    def begin(
        self,
        busy: Device | None,
        n: int,
        is_talking: bool,  # noqa: FBT001 - drawn
        route: list[int],
    ) -> None:
        """As ever; streams are opened along `route`."""
        self.counts["runs"] += 1
        self.cluster.route = cycle(route)
        super().begin(busy, n, is_talking)

    # at the same time

    @precondition(lambda self: len(self.world.calls(*LIVE)) < 4)
    @rule(n=number, m=number, scripts=scripts)
    def call_each_other(self, n: int, m: int, scripts: int) -> None:
        """Two people call each other."""
        apps = self.world.connected(DEVICES)
        for one in apps[n % len(apps) :][:1] if apps else []:
            others = [app for app in apps if app.device.user_id != one.device.user_id]
            for other in others[m % len(others) :][:1] if others else []:
                self.offer_each_other(one, other, scripts)

    def offer_each_other(self, one: App, other: App, scripts: int) -> None:
        """Two first offers, which end in one call."""
        offers = [
            pb.SdpOffer(recipient_user_id=to.device.user_id, sdp=self.world.description(app))
            for app, to in ((one, other), (other, one))
        ]
        ids = [self.world.announce(*each) for each in zip((one, other), offers, strict=True)]
        first, second = (one, ids[0], {"offer": offers[0]}), (other, ids[1], {"offer": offers[1]})
        self.world.send_across(first, second, scripts=scripts)
        ringing = [call for call in self.world.calls(State.RINGING) if call.call_id in ids]
        rung = {app for call in ringing for app in self.world.legs(call)}
        assert len(ringing) < 2 or not {one, other} <= rung, "glare ends in one call"

    @if_any(State.RINGING)
    @rule(n=number, m=number, crossing=crossing, scripts=scripts)
    def cross(self, n: int, m: int, crossing: str, scripts: int) -> None:
        """A device answers, while another does or the caller sends something."""
        call = self.pick(n, State.RINGING)
        legs = self.world.legs(call)
        caller = self.world.connected([call.caller.device])
        others = legs[1:] if crossing == "answer" else caller
        if legs and others:
            apps = legs[0], others[m % len(others)]
            kinds = ("answer", crossing)
            refusals = self.send_across(call, zip(apps, kinds, strict=True), n // 8, scripts)
            assert crossing != "answer" or any(refusals), "one winner"

    @if_any(*ANSWERED_STATES)
    @rule(n=number, kinds=st.tuples(kind, kind), scripts=scripts)
    def talk_across(self, n: int, kinds: tuple[str, str], scripts: int) -> None:
        """Both sides send something; two offers are glare."""
        call = self.pick(n, *ANSWERED_STATES)
        if len(sides := self.world.sides(call)) == 2:
            refusals = self.send_across(call, zip(sides, kinds, strict=True), n // 8, scripts)
            assert kinds != ("offer", "offer") or any(refusals), "glare"

    def send_across(
        self, call: Call, sends: Iterable[tuple[App, str]], turn: int, scripts: int
    ) -> list[RefusedError | None]:
        """Let two apps send requests of these kinds; either is the one that stops halfway."""
        requests = [(app, call.call_id, {kind: self.payload(app, kind)}) for app, kind in sends]
        first, second = requests[:: 1 if turn % 2 else -1]
        return self.world.send_across(first, second, scripts=scripts)

    @if_any(*LIVE)
    @rule(n=number, scripts=scripts)
    def move(self, n: int, scripts: int) -> None:
        """A stream is lost while its device opens another."""
        if apps := self.world.connected(DEVICES):
            app = apps[n % len(apps)]
            self.cluster.move(app.device, scripts)
            self.world.connect(app, resume=True)

    def payload(self, app: App, kind: str) -> object:
        """What an app sends."""
        match kind:
            case "answer":
                return self.an_answer(app)
            case "offer":
                return pb.SdpOffer(sdp=self.world.description(app, "crossing"))
            case "app_message":
                return self.a_message(app)
            case "connection_state":
                return pb.ConnectionState(state=FAILED)
            case "candidates":
                token = self.world.token(app, "candidate:")
                return pb.IceCandidates(candidates=[pb.IceCandidate(candidate=token)])
        return pb.Hangup()

    # nodes

    @precondition(lambda self: self.world.calls(*LIVE) and len(self.dropped()) < 3)
    @rule(n=node)
    def die(self, n: int) -> None:
        """A node dies without a word, and its devices have to come back."""
        self.counts["deaths"] += 1
        for stream in self.cluster.kill(n):
            self.world.cut(stream)

    @if_any(*LIVE)
    @rule(n=node, scripts=st.integers(1, 8))
    def die_soon(self, n: int, scripts: int) -> None:
        """A node is to die in the middle of something; its devices come back at once."""
        self.cluster.doom(n, scripts)

    def teardown(self) -> None:
        """As ever."""
        self.counts["deaths halfway"] += self.cluster.failovers
        super().teardown()


async def _see_nothing(*_: object) -> None:
    """The engine is all right."""


@pytest.mark.timeout(1800)
def test_promises_hold_on_two_nodes(
    valkey: Valkey, record_property: Callable[[str, object], None]
) -> None:
    """Runs of random calls over two nodes that die: checked at every step and app, and at rest."""
    machine = DevicesOfTwoNodes
    machine.valkey = valkey
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "handle", machine.observer.handle)
        patch.setattr(redis, "forward", machine.observer.forward)
        for module in (registry, deadlines, link):
            patch.setattr(module, "log", machine.observer.journal)
        patch.setattr(link, "_inspect", _see_nothing)  # takes longer than all the rest
        find = partialmethod(Location.find, socket_connect_timeout=PATIENCE)
        patch.setattr(Location, "find", find)
        patch.setattr(link, "PATIENCE", PATIENCE)  # a busy machine is no engine that is away
        patch.setattr(link, "SOCKET_TIMEOUT", PATIENCE)
        patch.setattr(registry, "LEAVE_TIMEOUT", PATIENCE)
        patch.setattr(Membership, "may_bury", True)  # whose lease ends here is dead
        few = settings(max_examples=settings().max_examples // 12, stateful_step_count=60)
        run_state_machine_as_test(machine, settings=few)
    counts = [["on two", "nodes", what, "", count] for what, count in machine.counts.items()]
    record_property("visits", [*counts, *table(machine.observer.visits)])

    assert sum(machine.observer.visits.values()) > 0
