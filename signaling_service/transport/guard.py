"""Nothing leaves a handler but a status and a fixed text, whosesoever handler it is.

gRPC answers bytes that it can't parse, and whatever a handler raises, with UNKNOWN
and an exception's text. So handlers are given bytes, and the parsing is done here.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias, TypeVar

import grpc
import structlog
from google.protobuf.message import DecodeError
from google.rpc import status_pb2

from signaling_service.core.errors import BackendAwayError
from signaling_service.tracing.base import Span
from signaling_service.transport import errors
from signaling_service.transport.errors import Status, StreamEndedError

RICH_STATUS: Final = "grpc-status-details-bin"  # where clients look for a google.rpc.Status

log = structlog.get_logger()

Asked = TypeVar("Asked")
Context = grpc.aio.ServicerContext[Any, Any]
Handler: TypeAlias = (
    "grpc.RpcMethodHandler[Any, Any] | None"  # a class that only type checkers index
)


async def guard(
    context: Context, serve: Callable[[], Awaitable[Status | None]], span: Span | None = None
) -> None:
    """Let nothing out of a handler but a status and a fixed text.

    `span` ends with it.
    """
    tell(context, await settled(serve, span))


def tell(context: Context, status: Status | None) -> None:
    """End an RPC with a status; None: all is well."""
    if status is None:
        return
    context.set_code(status.code)
    context.set_details(status.text)
    if status.details:
        context.set_trailing_metadata(_rich(status))


async def settled(
    serve: Callable[[], Awaitable[Status | None]], span: Span | None = None
) -> Status | None:
    """How it ends to serve a client, whatever goes wrong in it; `span` ends with it."""
    work = _served(serve)
    try:
        return await (work if span is None else span.over(work))
    except StreamEndedError as error:
        return error.how
    except grpc.aio.AbortError:
        raise  # the handler has said how it ends
    except NotImplementedError:
        return errors.UNIMPLEMENTED
    except grpc.aio.InternalError:
        return errors.CANCELLED  # the connection was lost in the middle of a write
    except Exception:
        error_id, status = errors.internal()
        log.exception("rpc_failed", error_id=error_id)
        return status


async def _served(serve: Callable[[], Awaitable[Status | None]]) -> Status | None:
    """Serve; that the backend is away has its status, whatever was asked for."""
    try:
        return await serve()
    except BackendAwayError:
        raise StreamEndedError(errors.BACKEND_AWAY) from None


def _rich(status: Status) -> tuple[tuple[str, bytes], ...]:
    """A status as `google.rpc.Status`, in the metadata that clients look for it in."""
    rich = status_pb2.Status(code=status.code.value[0], message=status.text)
    for detail in status.details:
        rich.details.add().Pack(detail)
    return ((RICH_STATUS, rich.SerializeToString()),)


class Guard(grpc.aio.ServerInterceptor):
    """Guards every handler of a server that leaves the parsing to gRPC.

    One that takes bytes guards itself.
    """

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """The handler of a method, guarded; None if there is no such method."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.request_deserializer is None:
            return handler
        return _guarded(handler)


def _guarded(handler: Any) -> Handler:
    """The same for bytes."""
    parse = _each if handler.request_streaming else parsed
    method = (
        handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    )

    async def serve(asked: Any, context: Context) -> Any:
        answer = None

        async def answers() -> None:
            nonlocal answer
            said = method(parse(handler.request_deserializer, asked), context)
            if hasattr(said, "__aiter__"):
                async for each in said:
                    await context.write(each)
            else:
                answer = await said

        await guard(context, answers)
        return answer

    kind = _KINDS[handler.request_streaming, handler.response_streaming]
    return kind(serve, response_serializer=handler.response_serializer)


_KINDS: Final[Mapping[tuple[bool, bool], Callable[..., Handler]]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


def parsed(
    parse: Callable[[bytes], Asked], data: bytes, otherwise: Status = errors.NOT_OF_METHOD
) -> Asked:
    """The request that a method was sent.

    Raises:
        StreamEndedError: these bytes are none, and it ends like `otherwise`.
    """
    try:
        return parse(data)
    except DecodeError:
        raise StreamEndedError(otherwise) from None


async def _each(
    parse: Callable[[bytes], Any], requests: AsyncIterator[bytes]
) -> AsyncIterator[Any]:
    async for data in requests:
        yield parsed(parse, data)
