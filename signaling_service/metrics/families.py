"""What is counted, as Prometheus has it.

No label names a user, a device, a call or an address, and the values of each are a
closed set: nobody can make a new series, and they are there from the start.
"""

from collections.abc import Iterable, Mapping, Sequence, Sized
from typing import Any, Final

from grpc import StatusCode
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.utils import floatToGoString
from signaling.v1 import signaling_pb2 as pb

from signaling_service.backends.base import Backend
from signaling_service.metrics.calls import Calls, reason_name
from signaling_service.metrics.distribution import Distribution
from signaling_service.metrics.engine import EngineFigures
from signaling_service.metrics.pulse import Pulse
from signaling_service.metrics.refusals import NO_KIND, Refusals
from signaling_service.metrics.traffic import Opened, Traffic

Row = tuple[Sequence[str], float]  # the values of the labels, and that of the series


def _kinds(message: Any) -> list[str]:
    return [field.name for field in message.DESCRIPTOR.oneofs_by_name["payload"].fields]


REQUESTS: Final = _kinds(pb.ConnectRequest)
RESPONSES: Final = _kinds(pb.ConnectResponse)
CODES: Final = {
    code: name.removeprefix("ERROR_CODE_").lower() for name, code in pb.ErrorCode.items() if code
}
REASONS: Final = {reason: reason_name(reason) for reason in pb.EndReason.values() if reason}


def of_calls(calls: Calls) -> Iterable[Metric]:
    """How calls begin, end, and are set up, by this node's doing."""
    yield CounterMetricFamily(
        "signaling_calls_begun", "Calls that a first offer has begun.", calls.begun
    )
    yield _counters(
        "signaling_calls_ended",
        "Calls that have ended, whether they were connected or not.",
        ["reason"],
        (((name,), calls.ended[reason]) for reason, name in REASONS.items()),
    )
    yield _histogram(
        "signaling_call_setup_seconds",
        "From the first offer to the first connection, or to the end of a call without one.",
        dict(calls.setups),
        "outcome",
    )


def of_backend(backend: Backend) -> Iterable[Metric]:
    """What is stored: the live calls of all nodes, and what devices have not acknowledged."""
    live = backend.live_calls()
    yield _gauges(
        "signaling_live_calls",
        "Live calls of all nodes together: each of them says the same.",
        ["state"],
        (((state.name.lower(),), count) for state, count in (live or {}).items()),
    )
    depths = backend.depths()
    yield GaugeMetricFamily(
        "signaling_mailbox_messages",
        "Messages that the devices connected to this node have not acknowledged.",
        sum(depths),
    )
    yield GaugeMetricFamily(
        "signaling_mailbox_deepest",
        "The same of the one device that has not acknowledged most.",
        max(depths, default=0),
    )


def of_traffic(traffic: Traffic, streams: Sized) -> Iterable[Metric]:
    """Streams, sessions and messages of this node."""
    yield GaugeMetricFamily(
        "signaling_streams", "The streams that are open at this node.", len(streams)
    )
    yield _counters(
        "signaling_streams_ended",
        "Streams that have ended, or were not let in, by gRPC status.",
        ["status"],
        (((code.name.lower(),), traffic.streams_ended[code]) for code in StatusCode),
    )
    yield _counters(
        "signaling_sessions_opened",
        "Sessions that were opened by a hello.",
        ["how"],
        (((how.value,), traffic.opened[how]) for how in Opened),
    )
    yield _counters(
        "signaling_messages",
        "Messages of streams, a hello and a bare ack included.",
        ["direction", "kind"],
        [
            *_by_kind("in", traffic.received, REQUESTS),
            *_by_kind("out", traffic.sent, RESPONSES),
        ],
    )
    yield CounterMetricFamily(
        "signaling_requests_paced",
        "Requests that waited: their device was too fast.",
        traffic.paced,
    )


def of_refusals(refusals: Refusals) -> Iterable[Metric]:
    """Requests that got an error, by their kind and its code."""
    yield _counters(
        "signaling_requests_refused",
        "Requests that were answered with an error.",
        ["kind", "code"],
        (
            ((kind, name), refusals.counts[kind, code])
            for kind in (*REQUESTS, NO_KIND)
            for code, name in CODES.items()
        ),
    )


def of_process(pulse: Pulse, tasks: int, *, is_ready: bool) -> Iterable[Metric]:
    """The event loop, and whether the node is ready."""
    yield GaugeMetricFamily(
        "signaling_ready", "1 while the node serves devices, as its health check says.", is_ready
    )
    yield _histogram(
        "signaling_event_loop_lag_seconds",
        "How late the event loop was with what was due, four times a second.",
        {"": pulse.lag},
    )
    yield GaugeMetricFamily(
        "signaling_event_loop_tasks",
        "Tasks of the event loop: some for each stream, and a few beside.",
        tasks,
    )


def of_memory(held: Mapping[str, int]) -> Iterable[Metric]:
    """What a node holds that has no engine."""
    yield _gauges(
        "signaling_memory_held",
        "What the node holds in its memory, for want of an engine.",
        ["kind"],
        (((kind,), count) for kind, count in held.items()),
    )


def of_engine(figures: EngineFigures) -> Iterable[Metric]:
    """The way to the engine."""
    yield GaugeMetricFamily(
        "signaling_backend_up", "1 while the engine answers this node.", not figures.is_away
    )
    yield CounterMetricFamily(
        "signaling_backend_away_seconds",
        "How long the engine has not answered this node.",
        figures.seconds_away,
    )
    yield _histogram(
        "signaling_backend_round_trip_seconds",
        "Round trips to the engine: each takes all that was wanted at once.",
        {"": figures.round_trips},
    )
    yield CounterMetricFamily(
        "signaling_backend_failures",
        "Round trips that failed, and were tried again.",
        figures.failures,
    )
    yield CounterMetricFamily(
        "signaling_backend_unanswered",
        "Scripts that had no reply in time; whoever asked was told so.",
        figures.unanswered,
    )
    yield _counters(
        "signaling_backend_scripts",
        "Scripts that the engine was asked to run.",
        ["script"],
        (((name,), count) for name, count in figures.scripts.items()),
    )


def of_policy(answers: Mapping[str, int]) -> Iterable[Metric]:
    """The call policy, if there is one."""
    yield _counters(
        "signaling_policy_answers",
        "What the call policy said when it was asked; a failure is a no.",
        ["answer"],
        (((answer,), count) for answer, count in answers.items()),
    )


def of_watchers(watchers: Sized) -> Iterable[Metric]:
    """Other services that are told of events."""
    yield GaugeMetricFamily(
        "signaling_event_watchers", "Streams of events that are open at this node.", len(watchers)
    )


def of_credentials(held: int) -> Iterable[Metric]:
    """Who tries forged credentials."""
    yield CounterMetricFamily(
        "signaling_forged_credentials_held",
        "Forged credentials whose sender had to wait for the answer.",
        held,
    )


def _by_kind(
    direction: str, counted: Mapping[str | None, int], kinds: Sequence[str]
) -> Iterable[Row]:
    for kind in kinds:
        yield (direction, kind), counted.get(kind, 0)
    # what is in no list comes from a newer node, through the engine
    others = sum(count for kind, count in list(counted.items()) if kind not in kinds)
    yield (direction, NO_KIND), others


def _counters(name: str, text: str, labels: Sequence[str], rows: Iterable[Row]) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, count in rows:
        family.add_metric(values, count)
    return family


def _gauges(name: str, text: str, labels: Sequence[str], rows: Iterable[Row]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, count in rows:
        family.add_metric(values, count)
    return family


def _histogram(
    name: str, text: str, found: Mapping[str, Distribution], label: str | None = None
) -> Metric:
    family = HistogramMetricFamily(name, text, labels=[label] if label else ())
    for value, distribution in found.items():
        bounds = [*map(floatToGoString, distribution.bounds), "+Inf"]
        buckets = list(zip(bounds, distribution.cumulated, strict=True))
        family.add_metric([value] if label else [], buckets, distribution.total)
    return family
