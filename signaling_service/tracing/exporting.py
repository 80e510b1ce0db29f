"""Where spans go: a collector that speaks OTLP over gRPC."""

import logging
from collections.abc import Sequence
from time import monotonic
from typing import Any, Final

import structlog
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

TIMEOUT: Final = 2.0  # s for a batch, with what is tried again; a node that stops waits for two
PAUSE: Final = 1.0  # s after a batch that failed: others are dropped at once
# OpenTelemetry's own lines are no JSON, and it says the same for every batch
LIBRARY: Final = "opentelemetry"

log = structlog.get_logger()


class Collector(SpanExporter):
    """Sends spans to a collector. Whether it is there is told when that changes."""

    def __init__(self, url: str) -> None:
        logging.getLogger(LIBRARY).setLevel(logging.CRITICAL + 1)
        # the stubs know of texts alone; gRPC takes these as numbers
        options: Any = (("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1))
        self._url = url
        self._sender = OTLPSpanExporter(url, timeout=TIMEOUT, channel_options=options)
        self._is_away = False
        self._lost = 0  # spans, since it is away
        self._again_at = 0.0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch, or drop it: the service has better things to do than to keep it."""
        result = SpanExportResult.FAILURE
        if monotonic() >= self._again_at:
            result = self._sender.export(spans)
        if result is SpanExportResult.SUCCESS:
            self._is_there()
        else:
            self._is_not_there(len(spans))
        return result

    def shutdown(self) -> None:
        """Send no more."""
        self._sender.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits here."""
        return self._sender.force_flush(timeout_millis)

    def _is_there(self) -> None:
        if self._is_away:
            log.info("traces_back", lost=self._lost)
        self._is_away, self._lost = False, 0

    def _is_not_there(self, spans: int) -> None:
        self._lost += spans
        if monotonic() >= self._again_at:
            self._again_at = monotonic() + PAUSE
        if not self._is_away:
            log.warning("traces_away", endpoint=self._url)
        self._is_away = True
