"""The gRPC face of a node. How a stream ends is told here, in its outermost frame.

- Bytes go in and out: what gRPC can't parse itself it answers with UNKNOWN and
  an exception's text.
- An RPC ends by setting its code and returning. `abort` waits for a write that
  is stuck, for ever.
- A cancelled handler re-raises, else the client waits for a status for ever.
"""

from typing import Any, Final

import grpc
from signaling.v1 import signaling_pb2 as pb

from signaling_service.auth.identity import Identity, Role
from signaling_service.transport import errors
from signaling_service.transport.admission import admit_stream
from signaling_service.transport.credentials import Credentials
from signaling_service.transport.door import Door
from signaling_service.transport.errors import Status, StreamEndedError
from signaling_service.transport.guard import guard, parsed
from signaling_service.transport.service import Service
from signaling_service.transport.stream import Stream
from signaling_service.transport.streams import Streams

SERVICE: Final = pb.DESCRIPTOR.services_by_name["SignalingService"].full_name

Context = grpc.aio.ServicerContext[bytes, bytes]


class SignalingServicer:
    """Serves `signaling.v1.SignalingService`.

    Args:
        service: what its streams work with.
        streams: where they are kept while they are open.
        door: where everybody comes in.
    """

    def __init__(self, service: Service, streams: Streams, door: Door) -> None:
        self._service = service
        self._streams = streams
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
        code = grpc.StatusCode.CANCELLED  # unless it comes to another end
        try:
            code = await guard(context, lambda: self._connect(context))
        finally:
            self._service.traffic.streams_ended[code] += 1

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

    async def _connect(self, context: Context) -> Status | None:
        try:
            credentials = await self._enter(context)
        except StreamEndedError as error:
            self._service.witness.journal.turned_away(context.peer(), error.how)
            raise

        # ahead of the first message: if that is stuck, a status can still follow
        await context.send_initial_metadata(())
        stream = Stream(credentials, self._service, context.read, context.write)
        self._streams.add(stream)
        how: Status | None = errors.CANCELLED
        began_at = self._service.clock.now()
        try:
            how = await stream.run()
        finally:
            self._streams.remove(stream)
            device = credentials.identity.device
            self._service.witness.journal.stream_ended(device, how or errors.OK, began_at)
        return how

    async def _enter(self, context: Context) -> Credentials:
        """Let a device in.

        Raises:
            StreamEndedError: it may not come in, or not now.
        """
        visitor = self._door.visitor(context)
        identity = await self._door.identify(visitor)
        if identity.role is not Role.DEVICE:
            raise StreamEndedError(errors.NO_DEVICE)
        if self._streams.is_draining:
            raise StreamEndedError(errors.DRAINING)
        admit_stream(identity.device, self._service)
        authenticator, clock = self._service.authenticator, self._service.clock
        return Credentials(identity, authenticator.origin(visitor), authenticator, clock)

    async def _check_revoked(self, identity: Identity) -> None:
        """See that what somebody comes in with was not revoked; a hello sees to it itself."""
        if await self._service.registry.is_revoked(identity.device, identity.issued_at):
            raise StreamEndedError(errors.REVOKED)
