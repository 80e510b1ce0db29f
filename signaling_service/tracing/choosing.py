"""Which tracer a node has, by what its operator says."""

from signaling_service.clock import Clock
from signaling_service.tracing.base import OFF, Tracer

EXTRA = "pip install 'signaling-service[otel]'"


class NoPackagesError(Exception):
    """What traces need is not installed."""

    def __init__(self) -> None:
        super().__init__(f"needs the extra otel, which is not installed: {EXTRA}")


def choose(endpoint: str | None, ratio: float, clock: Clock) -> Tracer:
    """The tracer of a node; without an endpoint nothing of OpenTelemetry is imported.

    Raises:
        NoPackagesError: there is an endpoint, and OpenTelemetry is not installed.
    """
    if endpoint is None:
        return OFF
    try:
        from signaling_service.tracing.exporting import Collector  # noqa: PLC0415 - an extra
        from signaling_service.tracing.otlp import OtlpTracer  # noqa: PLC0415 - likewise
    except ModuleNotFoundError as error:
        raise NoPackagesError from error
    return OtlpTracer(Collector(endpoint), ratio, clock)
