"""The door of every RPC: who is there, before anything of it is believed."""

from typing import Any, Final

import grpc

from signaling_service.auth.authenticator import Authenticator, Visitor
from signaling_service.auth.dev import Metadata
from signaling_service.auth.identity import BadCredentialsError, Identity, KeysAwayError
from signaling_service.tracing.base import OFF, Span, Tracer
from signaling_service.transport import errors
from signaling_service.transport.errors import StreamEndedError

METADATA_ENTRY_BYTES: Final = 32  # what HTTP/2 reckons for each entry (RFC 9113 §6.5.2)

Context = grpc.aio.ServicerContext[Any, Any]


class Door:
    """Lets people in.

    Args:
        authenticator: tells who somebody is.
        metadata_bytes: of one request, at most.
        tracer: traces what they ask for.
    """

    def __init__(
        self, authenticator: Authenticator, metadata_bytes: int, tracer: Tracer = OFF
    ) -> None:
        self._authenticator = authenticator
        self._metadata_bytes = metadata_bytes
        self._tracer = tracer

    def span(self, method: str, context: Context) -> Span | None:
        """The span of a unary RPC, if its metadata asks for one."""
        return self._tracer.rpc(method, tuple(context.invocation_metadata() or ()))

    def visitor(self, context: Context) -> Visitor:
        """Who is at the door.

        Raises:
            StreamEndedError: they bring too much.
        """
        metadata = tuple(context.invocation_metadata() or ())
        # a client that never acknowledges our SETTINGS gets past gRPC's own limit
        self.measure(metadata)
        names = context.auth_context().get("x509_subject_alternative_name", ())
        return Visitor(metadata, context.peer(), [name.decode(errors="replace") for name in names])

    def measure(self, metadata: Metadata) -> None:
        """See that somebody does not bring too much.

        Raises:
            StreamEndedError: they do.
        """
        size = sum(len(key) + len(value) + METADATA_ENTRY_BYTES for key, value in metadata)
        if size > self._metadata_bytes:
            raise StreamEndedError(errors.metadata_too_large(self._metadata_bytes))

    async def identify(self, visitor: Visitor) -> Identity:
        """Who it is.

        Raises:
            StreamEndedError: nobody comes in with these credentials.
        """
        try:
            return await self._authenticator.identify(visitor)
        except BadCredentialsError as bad:
            raise StreamEndedError(errors.unauthenticated(bad)) from None
        except KeysAwayError:
            raise StreamEndedError(errors.KEYS_AWAY) from None
