"""Two nodes that share an engine, as the machine's apps use them."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from itertools import cycle
from typing import Any, Final, NoReturn, TypeVar

import pytest
from signaling.v1 import calls_pb2
from signaling.v1 import signaling_pb2 as pb

from signaling_service.backends.base import Step, StreamId, Visit
from signaling_service.backends.location import Location
from signaling_service.backends.membership import LEASE
from signaling_service.backends.redis import SWEEP_INTERVAL
from signaling_service.connection import Connection
from signaling_service.core.errors import FencedError
from signaling_service.core.mailbox import Entry
from signaling_service.core.model import Call, Device
from tests.clock import ManualClock
from tests.cluster.engine import Engine
from tests.cluster.feed import Feed
from tests.cluster.node import Node, Traffic
from tests.cluster.pause import across
from tests.core.observer import Observer
from tests.core.service import Asked
from tests.valkey.waiting import until

T = TypeVar("T")

TAKEOVER: Final = 2.0  # s; what a dead node has begun is done so much later: see lib.lua
TURNS: Final = 3  # of the event loop, from one script of a sweep to the next


class NodeDiedError(Exception):
    """The node died before it was done."""


class Cluster:
    """A `Service` of two nodes that share `cell`, a URL.

    Streams are opened at the nodes that `route` names, one after the other; so
    are sweeps done, and what comes from no request. When a node dies in the middle of
    something, the devices that it served come back at once, and what they sent
    and the service does not have is sent again.
    """

    # the lease of a dead node; then each node may die over what was left to do
    notices_within = LEASE + 3 * TAKEOVER

    def __init__(self, cell: str, observer: Observer) -> None:
        self.clock = ManualClock(0.0)
        self.route = cycle([0, 1])
        self.failovers = 0
        self._location = Location.parse(cell)
        self._observer = observer
        self._traffic = Traffic()
        self._engine = Engine(cell, self._traffic)
        self._feeds: dict[StreamId, Feed] = {}  # by what the stream was called at first
        self._moving: tuple[Device, int] | None = None
        self._loop = asyncio.new_event_loop()
        self._nodes = [self._run(self._start()) for _ in range(2)]

    # the service

    def connect(self, device: Device, request: pb.ConnectRequest) -> Connection:
        """See `Service`."""
        for stream, feed in self._feeds.items():
            feed.is_replaced = feed.is_replaced or stream.device == device
        node, woken = self._next(), asyncio.Event()
        connecting = node.registry.connect(Visit(device, request, woken.set))
        try:
            connection = self._on(node, self._across_a_loss(device, connecting))
        except NodeDiedError:
            return self.connect(device, request)
        self._feeds[connection.stream] = Feed(node, connection, woken)
        return connection

    def disconnect(self, stream: StreamId) -> None:
        """See `Service`."""
        if (feed := self._feeds.pop(stream, None)) is not None:
            self._on(feed.node, feed.node.registry.disconnect(feed.stream))

    def move(self, device: Device, scripts: int) -> None:
        """Let its stream be lost while the next is opened: the loss stops after so many scripts."""
        self._moving = device, scripts

    def dispatch(self, stream: StreamId, request: pb.ConnectRequest) -> None:
        """See `Service`."""
        feed = self._feed(stream)
        feed.ack(request.ack)
        try:
            self._on(feed.node, feed.node.registry.dispatch(feed.stream, request))
        except NodeDiedError:
            if feed.received < request.seq:
                self.dispatch(stream, request)
        feed.received = max(feed.received, request.seq)

    def dispatch_across(self, first: Asked, second: Asked, scripts: int) -> None:
        """See `Service`; one after the other where a node is to die over them."""
        if self._is_anyone_doomed:
            self.dispatch(*first)
            self.dispatch(*second)
            return
        asked = [(self._feed(stream), request) for stream, request in (first, second)]
        work = [feed.node.registry.dispatch(feed.stream, request) for feed, request in asked]
        self._run(across(work[0], work[1], scripts))
        for feed, request in asked:
            feed.ack(request.ack)
            feed.received = request.seq

    def read(self, stream: StreamId) -> Sequence[Entry]:
        """See `Service`: what the engine has comes, wherever it was said."""
        feed = self._feed(stream)
        while feed.sent < self._engine.top(stream.device):
            with suppress(NodeDiedError):
                self._on(feed.node, feed.read())
        return feed.unacked

    def check_fenced(self, stream: StreamId) -> None:
        """See `Service`."""
        with suppress(NodeDiedError), pytest.raises(FencedError):
            self._read_on(stream)

    def happen(self, step: Step) -> None:
        """See `Service`."""
        node = self._next()
        try:
            applied = self._on(node, node.backend.apply(step))
        except NodeDiedError:
            self.happen(step)
        else:
            self._observer.written(applied.before, applied.outcome.call)

    async def _across_a_loss(
        self, device: Device, connecting: Coroutine[Any, Any, Connection]
    ) -> Connection:
        """Connect, where a device moves while its old stream is being lost."""
        moving, self._moving = self._moving, None
        lost = [stream for stream in self._feeds if stream.device == device]
        if moving is None or moving[0] != device or self._is_anyone_doomed or not lost:
            return await connecting
        feed = self._feeds.pop(lost[-1])
        losing = feed.node.registry.disconnect(feed.stream)
        return (await across(losing, connecting, moving[1]))[1]

    def _read_on(self, stream: StreamId) -> NoReturn:
        while True:
            feed = self._feed(stream)
            self._on(feed.node, feed.read())

    def _feed(self, stream: StreamId) -> Feed:
        """A stream that is open.

        Raises:
            FencedError: a newer one has replaced it, and its node has died.
        """
        if stream not in self._feeds:
            raise FencedError
        return self._feeds[stream]

    # time

    def advance(self, seconds: float) -> None:
        """See `Service`: one of the nodes knows what is due.

        If one dies over it, time goes on until another has done what was left.
        """
        end, failovers = self.clock.now() + seconds, self.failovers
        if seconds >= SWEEP_INTERVAL:
            self._sweep()
        while self.clock.fire_next(end):
            self._run(self._settle())
            if any(node.is_dead for node in self._nodes):
                self._recover()
                self._sweep()
        if failovers != self.failovers:
            self.advance(TAKEOVER)

    def _sweep(self) -> None:
        """Let a node look at what is due; if it dies meanwhile, another one."""
        self._next().registry.sweep()
        self._run(self._settle())
        if any(node.is_dead for node in self._nodes):
            self._recover()
            self._sweep()

    async def _settle(self) -> None:
        """Let sweeps come to their end."""
        turns = 0
        while turns < TURNS:
            if self._traffic.is_over.is_set():
                turns += 1
                await asyncio.sleep(0)
            else:
                turns = 0
                await self._traffic.is_over.wait()

    # the nodes

    def kill(self, number: int) -> list[StreamId]:
        """Let a node die, and a fresh one take its place; returns the streams that went with it."""
        dead = self._replace(self._nodes[number])
        lost = [stream for stream, feed in self._feeds.items() if feed.node is dead]
        for stream in lost:
            del self._feeds[stream]
        return lost

    def doom(self, number: int, scripts: int) -> None:
        """Let a node die in the middle of something: after so many scripts, at least one."""
        self._nodes[number].backend.scripts_left = scripts

    @property
    def _is_anyone_doomed(self) -> bool:
        return any(node.is_doomed for node in self._nodes)

    def _on(self, node: Node, work: Coroutine[Any, Any, T]) -> T:
        """Let a node do something; whatever comes of it, nodes that died meanwhile are replaced.

        Raises:
            NodeDiedError: this one did, and was not done.
        """
        try:
            return self._run(work)
        except asyncio.CancelledError:
            assert node.is_dead
            raise NodeDiedError from None
        finally:
            self._recover()

    def _recover(self) -> None:
        """Replace each node that has died, and let its devices come back."""
        while dead := next((node for node in self._nodes if node.is_dead), None):
            self.failovers += 1
            self._replace(dead)
            for stream, feed in list(self._feeds.items()):
                if feed.node is dead and feed.is_replaced:
                    del self._feeds[stream]
                elif feed.node is dead:
                    self._reopen(feed)

    def _reopen(self, feed: Feed) -> None:
        """Let a device come back."""
        node, woken = self._next(), asyncio.Event()
        hello = pb.Hello(session_id=feed.session_id)
        request = pb.ConnectRequest(ack=feed.acked, hello=hello)
        try:
            connecting = node.registry.connect(Visit(feed.stream.device, request, woken.set))
            connection = self._run(connecting)
        except asyncio.CancelledError:
            feed.node = node  # which has died too
            return
        assert connection.is_resumed
        assert connection.received in (feed.received, feed.received + 1)
        feed.reopen(node, connection, woken)

    def _replace(self, dead: Node) -> Node:
        self._nodes[self._nodes.index(dead)] = self._run(self._start())
        self._run(dead.die())
        self.clock.call_later(LEASE, lambda: self._expire(dead))
        return dead

    def _expire(self, dead: Node) -> None:
        """Let the lease of a node end: the next sweep finds it."""
        self._engine.end_lease(dead)
        self._next().registry.sweep()

    def _next(self) -> Node:
        return self._nodes[next(self.route)]

    async def _start(self) -> Node:
        node = Node(self._location, self.clock, self._traffic, self._observer)
        await node.start()
        await self._settle()
        return node

    # what there is

    def call(self, call_id: str) -> Call | None:
        """See `Service`."""
        return self._engine.call(call_id)

    def events(self) -> Sequence[calls_pb2.SignalingEvent]:
        """See `Service`."""
        return self._engine.events()

    def leftovers(self) -> list[str]:
        """See `Service`."""
        self._run(until(self._have_heard))
        timers = ["a timer"] if self.clock.next_at is not None else []
        return self._engine.leftovers(*self._nodes) + timers

    async def _have_heard(self) -> bool:
        return all(self._engine.is_heard(node) for node in self._nodes)

    def close(self) -> None:
        """See `Service`."""
        for node in self._nodes:
            self._run(node.stop())
        self._engine.close()
        self._loop.close()

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(coroutine)
