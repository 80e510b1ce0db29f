"""Health checking (`grpc.health.v1`), of which one peer that does not read is no matter.

The servicer that comes with gRPC writes to a watcher while it holds a lock that it also needs
to change a status: whoever opens `Watch` and gives no window stops a drain.
"""

import asyncio
from typing import Final

import grpc
from grpc_health.v1 import health_pb2 as pb
from grpc_health.v1.health_pb2_grpc import HealthServicer

SERVING: Final = pb.HealthCheckResponse.SERVING
NOT_SERVING: Final = pb.HealthCheckResponse.NOT_SERVING
UNKNOWN: Final = pb.HealthCheckResponse.SERVICE_UNKNOWN

Context = grpc.aio.ServicerContext[pb.HealthCheckRequest, pb.HealthCheckResponse]


class Health(HealthServicer):
    """What this node says of its services; of one that it does not know, that it does not."""

    def __init__(self) -> None:
        self._statuses: dict[str, int] = {}
        self._has_changed = asyncio.Event()  # another one after each change
        self._is_over = False

    def tell(self, service: str, status: int) -> None:
        """Tell whoever asks, and whoever watches."""
        if not self._is_over:
            self._statuses[service] = status
            self._wake()

    def tell_over(self) -> None:
        """No service serves any more, whatever is told from now on."""
        self._statuses = dict.fromkeys(self._statuses, NOT_SERVING)
        self._is_over = True
        self._wake()

    def is_serving(self, service: str) -> bool:
        """What is told of a service; for any thread."""
        return self._status(service) == SERVING

    async def Check(  # noqa: N802 - the stubs are for both kinds of server
        self, request: pb.HealthCheckRequest, context: Context
    ) -> pb.HealthCheckResponse:
        """The status of a service; NOT_FOUND for one that is unknown."""
        if request.service not in self._statuses:
            context.set_code(grpc.StatusCode.NOT_FOUND)
        return pb.HealthCheckResponse(status=self._status(request.service))

    async def Watch(  # noqa: N802
        self, request: pb.HealthCheckRequest, context: Context
    ) -> None:
        """The status of a service now, and whenever it has changed."""
        told = None
        while True:
            has_changed, status = self._has_changed, self._status(request.service)
            if status != told:
                await context.write(pb.HealthCheckResponse(status=status))
                told = status
            await has_changed.wait()

    def _status(self, service: str) -> int:
        return self._statuses.get(service, UNKNOWN)

    def _wake(self) -> None:
        self._has_changed.set()
        self._has_changed = asyncio.Event()
