"""A tracer for OpenTelemetry.

A span is built when it is over, with ids that are ours to choose: a call's hang on its id.
So whatever is not traced costs two look-ups, and nothing of OpenTelemetry runs.
"""

import asyncio
from collections.abc import Awaitable
from functools import lru_cache
from typing import Final

from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Link
from signaling.v1 import signaling_pb2 as pb

from signaling_service.clock import Clock
from signaling_service.core.buckets import Rate, TokenBucket
from signaling_service.core.model import Call, Device, end_between
from signaling_service.core.requests import is_valid_call_id
from signaling_service.tracing.base import Metadata, T
from signaling_service.tracing.context import (
    CALLS_KEPT,
    MAX_CALL_ID,
    Place,
    is_chosen,
    of_call,
    parse,
    take,
)
from signaling_service.tracing.spans import Attributes, Spans, context, nanoseconds

QUEUE: Final = 4096  # spans that wait to be sent; beyond, the oldest are dropped
BATCH: Final = 512  # spans in one request
INTERVAL: Final = 1000.0  # ms between two of them
# spans that clients ask for, at one node: whoever wants all of its messages traced must
# not make the service slow for others
ASKED: Final = Rate(per_second=100, burst=500)


class OtlpTracer:
    """A `Tracer` that gives spans to an exporter, in batches on a thread.

    Args:
        exporter: where they go.
        ratio: of the calls, those that are traced: all of a call, at every node.
        clock: where the times of spans come from.
    """

    def __init__(self, exporter: SpanExporter, ratio: float, clock: Clock) -> None:
        self._batches = BatchSpanProcessor(
            exporter,
            max_queue_size=QUEUE,
            schedule_delay_millis=INTERVAL,
            max_export_batch_size=BATCH,
        )
        self._ids = RandomIdGenerator()
        self._asked = TokenBucket(ASKED, clock.now())
        self._chosen = lru_cache(maxsize=CALLS_KEPT)(lambda call_id: _chosen(call_id, ratio))
        self.clock = clock
        self.spans = Spans()

    def message(
        self, kind: str | None, request: pb.ConnectRequest, device: Device
    ) -> "Open | None":
        """See `Tracer.message`."""
        parent = take(request) if request.traceparent else None
        call_id = request.call_id
        call = self._chosen(call_id) if 0 < len(call_id) <= MAX_CALL_ID else None
        if call is None and not self._is_asked_for(parent):
            return None
        span = Open(self, kind or "unsupported", self._next(parent), parent)
        span.is_about(device, request)
        request.traceparent = str(span.place)
        return span

    def rpc(self, method: str, metadata: Metadata) -> "Open | None":
        """See `Tracer.rpc`."""
        sent = [value for key, value in metadata if key == "traceparent"]
        parent = parse(sent[0]) if len(sent) == 1 and isinstance(sent[0], str) else None
        if not self._is_asked_for(parent):
            return None
        return Open(self, method, self._next(parent), parent)

    def observe(self, before: Call | None, after: Call, now: float) -> None:
        """See `Tracer.observe`."""
        if end_between(before, after) is None:
            return
        offer = parse(after.traceparent)
        if self._chosen(after.call_id) or (offer is not None and offer.is_sampled):
            self._batches.on_end(self.spans.call(after, now))

    async def close(self) -> None:
        """See `Tracer.close`."""
        await asyncio.to_thread(self._batches.shutdown)

    def close_span(self, span: "Open", outcome: object) -> None:
        """Let a span be sent, some time."""
        parent, call = span.parent, span.call
        self._batches.on_end(
            self.spans.served(
                span.name,
                span.attributes,
                outcome,
                context=context(span.place),
                parent=None if parent is None else context(parent),
                links=() if call is None else (Link(context(call)),),
                start_time=nanoseconds(span.began_at),
                end_time=nanoseconds(self.clock.now()),
            )
        )

    def _is_asked_for(self, parent: Place | None) -> bool:
        if parent is None or not parent.is_sampled:
            return False
        return self._asked.take(self.clock.now()) >= 0

    def _next(self, parent: Place | None) -> Place:
        trace_id = self._ids.generate_trace_id() if parent is None else parent.trace_id
        return Place(trace_id, self._ids.generate_span_id())


class Open:
    """A span of a message or an RPC that is being served."""

    __slots__ = ("_tracer", "attributes", "began_at", "call", "name", "parent", "place")

    def __init__(self, tracer: OtlpTracer, name: str, place: Place, parent: Place | None) -> None:
        self._tracer = tracer
        self.name = name
        self.place = place
        self.parent = parent
        self.call: Place | None = None  # what it links to
        self.attributes: Attributes = {}
        self.began_at = tracer.clock.now()

    def is_about(self, device: Device, request: pb.ConnectRequest) -> None:
        """Say who sent it, and about which call."""
        self.attributes["signaling.user_id"] = device.user_id
        self.attributes["signaling.device_id"] = device.device_id
        if request.seq:
            self.attributes["signaling.seq"] = request.seq
        if is_valid_call_id(request.call_id):
            self.attributes["signaling.call_id"] = request.call_id
            self.call = of_call(request.call_id)

    async def over(self, work: Awaitable[T]) -> T:
        """See `Span.over`."""
        try:
            outcome = await work
        except BaseException as error:
            self._tracer.close_span(self, error)
            raise
        self._tracer.close_span(self, outcome)
        return outcome


def _chosen(call_id: str, ratio: float) -> Place | None:
    place = of_call(call_id)
    return place if is_chosen(place, ratio) else None
