"""What the service needs of a tracer, and the one that traces nothing."""

from collections.abc import Awaitable, Sequence
from typing import Final, Protocol, TypeVar

from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Call, Device
from signaling_service.tracing.context import take

T = TypeVar("T")
Metadata = Sequence[tuple[str, str | bytes]]


class Span(Protocol):
    """Something that is under way, and recorded."""

    async def over(self, work: Awaitable[T]) -> T:
        """Await `work`; the span ends with it. A refusal that it returns is the outcome."""


class Tracer(Protocol):
    """Records spans. Nothing here waits, or raises."""

    def message(self, kind: str | None, request: pb.ConnectRequest, device: Device) -> Span | None:
        """Begin the span of a message, None if it is not recorded.

        The request's `traceparent` becomes that of the span; a malformed one is taken
        out; any other stays as it came.
        """

    def rpc(self, method: str, metadata: Metadata) -> Span | None:
        """Begin the span of a unary RPC, if the `traceparent` of its metadata is sampled."""

    def observe(self, before: Call | None, after: Call, now: float) -> None:
        """Look at a step of a call: one that ends it ends the span of the whole call."""

    async def close(self) -> None:
        """Send what is left, for a few seconds at most."""


class Off:
    """Traces nothing, and lets what came be carried on."""

    def message(
        self, _kind: str | None, request: pb.ConnectRequest, _device: Device
    ) -> Span | None:
        """See `Tracer.message`."""
        if request.traceparent:
            take(request)
        return None

    def rpc(self, _method: str, _metadata: Metadata) -> Span | None:
        """See `Tracer.rpc`."""
        return None

    def observe(self, _before: Call | None, _after: Call, _now: float) -> None:
        """See `Tracer.observe`."""

    async def close(self) -> None:
        """See `Tracer.close`."""


OFF: Final = Off()
