"""A collector for OpenTelemetry, in this process: it keeps the spans that it is sent."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as stubs
from opentelemetry.proto.trace.v1 import trace_pb2 as trace

from signaling_service.tracing.context import Place
from tests.devices import PATIENCE


class Collector(stubs.TraceServiceServicer):
    """What came. Nothing is said about its order: each node sends for itself."""

    def __init__(self) -> None:
        self.address = ""
        self.requests: list[service.ExportTraceServiceRequest] = []
        self._came = asyncio.Event()

    async def Export(  # noqa: N802 - gRPC's name
        self, request: service.ExportTraceServiceRequest, _context: Any
    ) -> service.ExportTraceServiceResponse:
        """Take a batch."""
        self.requests.append(request)
        self._came.set()
        return service.ExportTraceServiceResponse()

    @property
    def url(self) -> str:
        """For `--otlp-endpoint`."""
        return f"http://{self.address}"

    @property
    def spans(self) -> list[trace.Span]:
        """All so far."""
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def named(self, name: str) -> list[trace.Span]:
        """Those of a name."""
        return [span for span in self.spans if span.name == name]

    async def has(self, is_there: Callable[[], object]) -> None:
        """Wait until enough has come."""
        async with asyncio.timeout(PATIENCE):
            while not is_there():
                self._came.clear()
                await self._came.wait()

    async def one(self, name: str) -> trace.Span:
        """The one span of this name, once it is there."""
        await self.has(lambda: self.named(name))
        (span,) = self.named(name)
        return span


@asynccontextmanager
async def collecting(
    address: str = "127.0.0.1:0", tls: grpc.ServerCredentials | None = None
) -> AsyncIterator[Collector]:
    """A collector that runs."""
    collector = Collector()
    server = grpc.aio.server()
    add: Any = stubs.add_TraceServiceServicer_to_server  # it has no types
    add(collector, server)
    if tls is None:
        port = server.add_insecure_port(address)
    else:
        port = server.add_secure_port(address, tls)
    collector.address = f"127.0.0.1:{port}"
    await server.start()
    try:
        yield collector
    finally:
        await server.stop(None)


def told(span: trace.Span) -> Mapping[str, object]:
    """The attributes of a span."""
    return {each.key: _value(each.value) for each in span.attributes}


def _value(value: Any) -> object:
    return getattr(value, value.WhichOneof("value"))


def place(span: trace.Span | trace.Span.Link) -> Place:
    """Where a span is, or what a link leads to."""
    return Place(int.from_bytes(span.trace_id), int.from_bytes(span.span_id))
