"""The gRPC face of a node. How a stream ends is told here, in its outermost frame.

- Bytes go in and out: what gRPC can't parse itself it answers with UNKNOWN and
  an exception's text.
- An RPC ends by setting its code and returning. `abort` waits for a write that
  is stuck, for ever.
- A cancelled handler re-raises, else the client waits for a status for ever.
"""

from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError
from signaling.v1 import signaling_pb2 as pb

from signaling_service.auth.authenticator import Visitor
from signaling_service.auth.identity import BadCredentialsError, Identity, KeysAwayError, Role
from signaling_service.transport import errors
from signaling_service.transport.admission import admit_stream
from signaling_service.transport.credentials import Credentials
from signaling_service.transport.errors import Status, StreamEndedError
from signaling_service.transport.guard import guard
from signaling_service.transport.service import Service
from signaling_service.transport.stream import Stream
from signaling_service.transport.streams import Streams

SERVICE: Final = pb.DESCRIPTOR.services_by_name["SignalingService"].full_name
METADATA_ENTRY_BYTES: Final = 32  # what HTTP/2 reckons for each entry (RFC 9113 §6.5.2)

Context = grpc.aio.ServicerContext[bytes, bytes]


class SignalingServicer:
    """Serves `signaling.v1.SignalingService`.

    Args:
        service: what its streams work with.
        streams: where they are kept while they are open.
        metadata_bytes: of one request, at most.
    """

    def __init__(self, service: Service, streams: Streams, metadata_bytes: int) -> None:
        self._service = service
        self._streams = streams
        self._metadata_bytes = metadata_bytes

    def handlers(self) -> grpc.GenericRpcHandler:
        """The methods, as `grpc.aio.Server.add_generic_rpc_handlers` takes them."""
        methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "Connect": grpc.stream_stream_rpc_method_handler(self.connect),
            "GetIceServers": grpc.unary_unary_rpc_method_handler(self.get_ice_servers),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    async def connect(self, _requests: object, context: Context) -> None:
        """The stream of one device."""
        await guard(context, lambda: self._connect(context))

    async def get_ice_servers(self, request: bytes, context: Context) -> bytes:
        """Servers and credentials for a device."""
        servers: list[pb.IceServer] = []

        async def get() -> None:
            await self._identify(self._visitor(context))
            try:
                pb.GetIceServersRequest.FromString(request)
            except DecodeError:
                raise StreamEndedError(errors.NOT_OF_METHOD) from None
            servers.extend(self._service.ice.issue(self._service.clock.now()))

        await guard(context, get)
        return pb.GetIceServersResponse(servers=servers).SerializeToString()

    async def _connect(self, context: Context) -> Status | None:
        visitor = self._visitor(context)
        identity = await self._identify(visitor)
        if identity.role is not Role.DEVICE:
            return errors.NO_DEVICE
        if self._streams.is_draining:
            return errors.DRAINING
        admit_stream(identity.device, self._service)

        # ahead of the first message: if that is stuck, a status can still follow
        await context.send_initial_metadata(())
        authenticator, clock = self._service.authenticator, self._service.clock
        origin = authenticator.origin(visitor)
        credentials = Credentials(identity, origin, authenticator, clock)
        stream = Stream(credentials, self._service, context.read, context.write)
        self._streams.add(stream)
        try:
            return await stream.run()
        finally:
            self._streams.remove(stream)

    def _visitor(self, context: Context) -> Visitor:
        """Who is at the door, before anything of it is believed."""
        metadata = tuple(context.invocation_metadata() or ())
        # a client that never acknowledges our SETTINGS gets past gRPC's own limit
        size = sum(len(key) + len(value) + METADATA_ENTRY_BYTES for key, value in metadata)
        if size > self._metadata_bytes:
            raise StreamEndedError(errors.metadata_too_large(self._metadata_bytes))
        names = context.auth_context().get("x509_subject_alternative_name", ())
        return Visitor(metadata, context.peer(), [name.decode(errors="replace") for name in names])

    async def _identify(self, visitor: Visitor) -> Identity:
        try:
            return await self._service.authenticator.identify(visitor)
        except BadCredentialsError as bad:
            raise StreamEndedError(errors.unauthenticated(bad)) from None
        except KeysAwayError:
            raise StreamEndedError(errors.KEYS_AWAY) from None
