"""Figures for an operator, in Prometheus' format. No label names a user, a device or a call."""

from collections.abc import Callable, Mapping, Sized
from functools import partial
from wsgiref.simple_server import WSGIServer

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    Histogram,
    ProcessCollector,
    start_http_server,
)
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Call, State

SETUP_BUCKETS = (0.25, 0.5, 1, 2, 3, 5, 8, 12, 20, 30, 45, 60, 90, 120, 180)  # s; people, not ms


class Metrics:
    """What a node counts; `serve` it over HTTP, or read `registry`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._server: WSGIServer | None = None
        self._host = ""
        self._setup = Histogram(
            "signaling_call_setup_seconds",
            "From the first offer to the first connection, or to the end of a call without one.",
            ["outcome"],
            buckets=SETUP_BUCKETS,
            registry=self.registry,
        )
        self._streams = Gauge(
            "signaling_streams", "The streams that are open at this node.", registry=self.registry
        )
        ProcessCollector(registry=self.registry)  # resident memory, CPU, file descriptors

    def count_streams(self, streams: Sized) -> None:
        """Tell how many `streams` there are, whenever somebody looks."""
        self._streams.set_function(lambda: len(streams))

    def watch_tasks(self, count: Callable[[], int]) -> None:
        """Show how many tasks the event loop has; `count` is called on another thread."""
        tasks = Gauge(
            "signaling_event_loop_tasks",
            "Tasks of the event loop: some for each stream, and a few beside.",
            registry=self.registry,
        )
        tasks.set_function(count)

    def watch_memory(self, held: Callable[[], Mapping[str, int]]) -> None:
        """Show how much an embedded backend holds; `held` is called on another thread."""
        gauge = Gauge(
            "signaling_memory_held",
            "What the node holds in its memory, for want of an engine.",
            ["kind"],
            registry=self.registry,
        )
        for kind in held():
            gauge.labels(kind).set_function(partial(_value, held, kind))

    def observe(self, before: Call | None, after: Call | None, now: float) -> None:
        """Count what a step made of a call.

        The outcome is `connected`, or the reason of the end of a call that never was.
        """
        if after is None or (before is not None and before.state == after.state):
            return
        was_connected = before is not None and before.quality.was_connected
        if after.state is State.CONNECTED and not was_connected:
            self._count("connected", now - after.created_at)
        elif after.ended is not None and not was_connected:
            reason = pb.EndReason.Name(after.ended.reason).removeprefix("END_REASON_").lower()
            self._count(reason, now - after.created_at)

    @property
    def address(self) -> str:
        """Where they are served, "" while they are not."""
        return f"{self._host}:{self._server.server_port}" if self._server is not None else ""

    def serve(self, host: str, port: int) -> None:
        """Serve `/metrics` at `address`, on a thread of its own.

        Raises:
            OSError: the address cannot be listened on.
        """
        self._server, _ = start_http_server(port, host, self.registry)
        self._host = host

    def close(self) -> None:
        """Serve no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _count(self, outcome: str, seconds: float) -> None:
        self._setup.labels(outcome).observe(seconds)


def _value(held: Callable[[], Mapping[str, int]], kind: str) -> float:
    return held()[kind]
