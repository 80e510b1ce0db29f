"""The gRPC face of a node.

- Bytes go in and out: what gRPC can't parse itself it answers with UNKNOWN and
  an exception's text.
- An RPC ends by setting its code and returning. `abort` waits for a write that
  is stuck, for ever.
- A cancelled handler re-raises, else the client waits for a status for ever.
"""

from typing import Any, Final

import grpc
from signaling.v1 import signaling_pb2 as pb

from signaling_service.auth.authenticator import Visitor
from signaling_service.auth.identity import Identity
from signaling_service.transport import errors
from signaling_service.transport.door import Door
from signaling_service.transport.errors import StreamEndedError
from signaling_service.transport.guard import guard, parsed, tell
from signaling_service.transport.reception import HELLO_TIMEOUT, Reception
from signaling_service.transport.service import Service

SERVICE: Final = pb.DESCRIPTOR.services_by_name["SignalingService"].full_name

Context = grpc.aio.ServicerContext[bytes, bytes]


class SignalingServicer:
    """Serves `signaling.v1.SignalingService`.

    Args:
        service: what its streams work with.
        reception: who runs them.
        door: where everybody comes in.
    """

    def __init__(self, service: Service, reception: Reception, door: Door) -> None:
        self._service = service
        self._reception = reception
        self._door = door

    def handlers(self) -> grpc.GenericRpcHandler:
        """The methods, as `grpc.aio.Server.add_generic_rpc_handlers` takes them."""
        methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "Connect": grpc.stream_stream_rpc_method_handler(self.connect),
            "GetIceServers": grpc.unary_unary_rpc_method_handler(self.get_ice_servers),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    async def connect(self, _requests: object, context: Context) -> None:
        """The stream of one device."""
        tell(context, await self._reception.receive(_Call(context, self._door)))

    async def get_ice_servers(self, request: bytes, context: Context) -> bytes:
        """Servers and credentials for a device."""
        servers: list[pb.IceServer] = []

        async def get() -> None:
            identity = await self._door.identify(self._door.visitor(context))
            await self._check_revoked(identity)
            parsed(pb.GetIceServersRequest.FromString, request)
            servers.extend(self._service.ice.issue(self._service.clock.now()))

        await guard(context, get, self._door.span("GetIceServers", context))
        return pb.GetIceServersResponse(servers=servers).SerializeToString()

    async def _check_revoked(self, identity: Identity) -> None:
        """See that what somebody comes in with was not revoked; a hello sees to it itself."""
        if await self._service.registry.is_revoked(identity.device, identity.issued_at):
            raise StreamEndedError(errors.REVOKED)


class _Call:
    """An RPC that wants to be a stream: see `Arrival`."""

    hello_timeout = HELLO_TIMEOUT

    def __init__(self, context: Context, door: Door) -> None:
        self._context = context
        self._door = door
        self.read = context.read
        self.write = context.write

    @property
    def peer(self) -> str:
        """See `Arrival`."""
        return self._context.peer()

    async def introduce(self) -> Visitor:
        """See `Arrival`."""
        return self._door.visitor(self._context)

    async def begin(self) -> None:
        """See `Arrival`; ahead of the first message: if that is stuck, a status can still go."""
        await self._context.send_initial_metadata(())
