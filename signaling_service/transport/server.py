"""The gRPC server: its options, health and reflection."""

from collections.abc import Sequence
from typing import Final, Protocol

import grpc
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from grpc_reflection.v1alpha import reflection

from signaling_service.limits import LimitSettings
from signaling_service.transport.call_servicer import CALL_SERVICE
from signaling_service.transport.guard import Guard
from signaling_service.transport.health import NOT_SERVING, SERVING, Health
from signaling_service.transport.servicer import SERVICE

HANDSHAKE_TIMEOUT: Final = 5.0  # s; a silent TCP connection is no device
PENDING_REQUESTS: Final = 20_000  # as many devices may come at once, when a node has died
HEALTH: Final = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name


class Servicer(Protocol):
    """Serves one service."""

    def handlers(self) -> grpc.GenericRpcHandler:
        """Its methods."""


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
        # whoever wants nothing makes room
        ("grpc.max_connection_idle_ms", _ms(limits.connection_idle_seconds)),
        ("grpc.max_allowed_incoming_connections", limits.connections),
        # beyond a thousand that wait, gRPC would cancel some, and not those of whoever floods it
        ("grpc.server.max_pending_requests", PENDING_REQUESTS),
        ("grpc.server.max_pending_requests_hard_limit", PENDING_REQUESTS),
        ("grpc.so_reuseport", int(share_port)),
    )


class Server:
    """The listening server with health checking, and reflection if wanted.

    With `share_port` other processes may listen on its port, and each gets some of the
    connections.
    """

    def __init__(
        self,
        servicers: Sequence[Servicer],
        limits: LimitSettings,
        *,
        reflect: bool,
        share_port: bool = False,
    ) -> None:
        chosen = options(limits, share_port=share_port)
        self._server = grpc.aio.server(interceptors=(Guard(),), options=chosen)
        self._health = Health()
        self._is_ready = True
        self._server.add_generic_rpc_handlers([each.handlers() for each in servicers])
        add_HealthServicer_to_server(self._health, self._server)
        if reflect:
            names = (SERVICE, CALL_SERVICE, HEALTH, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, self._server)

    async def start(self) -> None:
        """Serve, and be healthy."""
        await self._server.start()
        self._health.tell("", SERVING)
        self.tell_ready(self._is_ready)

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
        for service in (SERVICE, CALL_SERVICE):
            self._health.tell(service, SERVING if is_ready else NOT_SERVING)

    @property
    def is_ready(self) -> bool:
        """What load balancers are told; for any thread."""
        return self._health.is_serving(SERVICE)

    def turn_away(self) -> None:
        """Tell load balancers to send nobody."""
        self._health.tell_over()

    async def stop(self, grace: float) -> None:
        """Stop; what is still open after `grace` seconds is cut."""
        await self._server.stop(grace)


def _ms(seconds: float) -> int:
    return max(round(seconds * 1000), 1)
