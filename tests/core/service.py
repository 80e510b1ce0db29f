"""The service as the machine's apps use it, and its plain form: one node, all in memory."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Final, Protocol, TypeVar

import pytest
from signaling.v1 import calls_pb2
from signaling.v1 import signaling_pb2 as pb

from signaling_service.backends.base import Step, StreamId, Visit
from signaling_service.backends.memory import MemoryBackend
from signaling_service.connection import Connection
from signaling_service.core.errors import FencedError
from signaling_service.core.mailbox import Entry
from signaling_service.core.model import Call, Device
from signaling_service.core.rules import Limits, Rules
from signaling_service.journal import Journal
from signaling_service.registry import CallRegistry
from tests.clock import ManualClock
from tests.core.observer import Observer, Onlooker

T = TypeVar("T")

EVERYTHING: Final = 1_000_000  # events

Asked = tuple[StreamId, pb.ConnectRequest]

# small, so that runs come to the limits
RULES: Final = Rules(
    has_relays=True,
    limits=Limits(
        unacked_messages=16, calls_per_device=3, ringing_per_user=3, candidates_per_generation=40
    ),
)


class Service(Protocol):
    """A running service, its clock, and a look inside. Nothing goes on between two calls."""

    clock: ManualClock
    notices_within: float  # s; then it knows that a stream is lost, and has told the calls
    failovers: int  # how often a node has died in the middle of something

    def connect(self, device: Device, request: pb.ConnectRequest) -> Connection:
        """See `CallRegistry.connect`."""

    def disconnect(self, stream: StreamId) -> None:
        """See `CallRegistry.disconnect`."""

    def dispatch(self, stream: StreamId, request: pb.ConnectRequest) -> None:
        """See `CallRegistry.dispatch`."""

    def dispatch_across(self, first: Asked, second: Asked, scripts: int) -> None:
        """Two requests at the same time; the first stops halfway, after so many scripts."""

    def read(self, stream: StreamId) -> Sequence[Entry]:
        """All that the device of a stream was told and has not acknowledged."""

    def check_fenced(self, stream: StreamId) -> None:
        """The stream hears that it counts no more."""

    def happen(self, step: Step) -> None:
        """Let something happen to a call that comes from no request."""

    def call(self, call_id: str) -> Call | None:
        """The call, if the service knows of one; the same object while nothing changes."""

    def advance(self, seconds: float) -> None:
        """Let time pass, and whatever it brings happen when it is due."""

    def events(self) -> Sequence[calls_pb2.SignalingEvent]:
        """All that other services were told."""

    def leftovers(self) -> list[str]:
        """What it holds; empty once all is forgotten."""

    def close(self) -> None:
        """Stop, and leave nothing running."""


class Embedded:
    """A `Service` of one node with its own memory."""

    notices_within = 0.0
    failovers = 0

    def __init__(self, observer: Observer) -> None:
        self.clock = ManualClock(0.0)
        self._observer = observer
        self._backend = MemoryBackend(self.clock, RULES)
        witness = Onlooker(Journal(self.clock), observer)
        self._registry = CallRegistry(self._backend, self.clock, RULES, witness, observer.judge)
        self._loop = asyncio.new_event_loop()
        self._run(self._start())
        self._begins = self._run(self._backend.archive.newest())

    def connect(self, device: Device, request: pb.ConnectRequest) -> Connection:
        """See `Service`."""
        return self._run(self._registry.connect(Visit(device, request, lambda: None)))

    def disconnect(self, stream: StreamId) -> None:
        """See `Service`."""
        self._run(self._registry.disconnect(stream))

    def dispatch(self, stream: StreamId, request: pb.ConnectRequest) -> None:
        """See `Service`."""
        self._run(self._registry.dispatch(stream, request))

    def dispatch_across(self, first: Asked, second: Asked, scripts: int) -> None:  # noqa: ARG002
        """See `Service`: nothing here happens halfway."""
        self.dispatch(*first)
        self.dispatch(*second)

    def read(self, stream: StreamId) -> Sequence[Entry]:
        """See `Service`."""
        return self._run(self._registry.read(stream, 0))

    def check_fenced(self, stream: StreamId) -> None:
        """See `Service`."""
        with pytest.raises(FencedError):
            self._run(self._registry.read(stream, 0))

    def happen(self, step: Step) -> None:
        """See `Service`."""
        applied = self._run(self._backend.apply(step))
        self._observer.written(applied.before, applied.outcome.call)

    def call(self, call_id: str) -> Call | None:
        """See `Service`."""
        return self._run(self._backend.archive.call(call_id))

    def advance(self, seconds: float) -> None:
        """See `Service`."""
        until = self.clock.now() + seconds
        while self.clock.fire_next(until):
            for _ in range(3):  # the sweeper wakes, sweeps, and sets its next timer
                self._loop.call_soon(self._loop.stop)
                self._loop.run_forever()

    def events(self) -> Sequence[calls_pb2.SignalingEvent]:
        """See `Service`."""
        return self._run(self._backend.archive.events(self._begins, EVERYTHING))

    def leftovers(self) -> list[str]:
        """See `Service`."""
        left = [kind for kind, count in self._backend.held().items() if count]
        return left + (["a timer"] if self.clock.next_at is not None else [])

    def close(self) -> None:
        """See `Service`."""
        self._run(self._registry.close())
        self._loop.close()

    async def _start(self) -> None:
        self._registry.start()

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(coroutine)
