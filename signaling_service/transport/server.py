"""The gRPC server: its options, health and reflection."""

import asyncio
from collections.abc import Sequence
from typing import Final

import grpc
from grpc_health.v1 import health_pb2
from grpc_health.v1._async import HealthServicer
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from grpc_reflection.v1alpha import reflection

from signaling_service.limits import LimitSettings
from signaling_service.transport.servicer import SERVICE, SignalingServicer

HANDSHAKE_TIMEOUT: Final = 5.0  # s; a silent TCP connection is no device
HEALTH: Final = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name


def options(limits: LimitSettings, *, share_port: bool = False) -> Sequence[tuple[str, int]]:
    """Every server option. gRPC ignores a misspelt one in silence: each is tested by its effect."""
    return (
        ("grpc.max_receive_message_length", limits.message_bytes),
        ("grpc.max_metadata_size", limits.request_metadata_bytes),
        ("grpc.absolute_max_metadata_size", limits.request_metadata_bytes),
        ("grpc.max_concurrent_streams", limits.streams_per_connection),
        ("grpc.server_handshake_timeout_ms", _ms(HANDSHAKE_TIMEOUT)),
        ("grpc.http2.settings_timeout", _ms(HANDSHAKE_TIMEOUT)),
        # a dead peer takes a minute to find without the last of these three
        ("grpc.keepalive_time_ms", _ms(limits.keepalive_seconds)),
        ("grpc.keepalive_timeout_ms", _ms(limits.keepalive_timeout_seconds)),
        ("grpc.http2.ping_timeout_ms", _ms(limits.keepalive_timeout_seconds)),
        # half of what a client may do: its clock is not ours
        ("grpc.http2.min_ping_interval_without_data_ms", _ms(limits.client_ping_seconds / 2)),
        ("grpc.keepalive_permit_without_calls", 1),
        # the last resort for a peer that answers pings and never reads
        ("grpc.max_connection_age_ms", _ms(limits.connection_age_seconds)),
        ("grpc.max_connection_age_grace_ms", _ms(limits.stuck_write_seconds)),
        ("grpc.so_reuseport", int(share_port)),
    )


class Server:
    """The listening server with health checking, and reflection if wanted.

    With `share_port` other processes may listen on its port, and each gets some of the
    connections.
    """

    def __init__(
        self,
        servicer: SignalingServicer,
        limits: LimitSettings,
        *,
        reflect: bool,
        share_port: bool = False,
    ) -> None:
        self._server = grpc.aio.server(options=options(limits, share_port=share_port))
        self._health = HealthServicer()
        self._is_ready = True
        self._telling: asyncio.Task[None] | None = None
        self._server.add_generic_rpc_handlers((servicer.handlers(),))
        add_HealthServicer_to_server(self._health, self._server)
        if reflect:
            names = (SERVICE, HEALTH, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, self._server)

    async def start(self) -> None:
        """Serve, and be healthy."""
        await self._server.start()
        await self._health.set("", health_pb2.HealthCheckResponse.SERVING)
        await self._tell_ready()

    def add_port(self, address: str, credentials: grpc.ServerCredentials | None) -> str:
        """Listen at an address, with TLS or without; before `start`.

        Returns:
            The address with the port that was chosen.

        Raises:
            OSError: the address cannot be listened on.
        """
        try:
            if credentials is None:
                port = self._server.add_insecure_port(address)
            else:
                port = self._server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {address}") from error
        return f"{address.rpartition(':')[0]}:{port}"

    def tell_ready(self, is_ready: bool) -> None:  # noqa: FBT001 - a state
        """Tell load balancers whether requests can be served; the process is alive either way."""
        self._is_ready = is_ready
        self._telling = asyncio.get_running_loop().create_task(self._tell_ready())

    async def _tell_ready(self) -> None:
        answer = health_pb2.HealthCheckResponse
        await self._health.set(SERVICE, answer.SERVING if self._is_ready else answer.NOT_SERVING)

    async def turn_away(self) -> None:
        """Tell load balancers to send nobody."""
        await self._health.enter_graceful_shutdown()

    async def stop(self, grace: float) -> None:
        """Stop; what is still open after `grace` seconds is cut."""
        await self._server.stop(grace)


def _ms(seconds: float) -> int:
    return max(round(seconds * 1000), 1)
