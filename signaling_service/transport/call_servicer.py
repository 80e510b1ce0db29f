"""`signaling.v1.CallService`: calls, devices and events for other services."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import grpc
import structlog
from google.protobuf.message import Message
from signaling.v1 import calls_pb2
from signaling.v1 import signaling_pb2 as pb

from signaling_service.auth.identity import Identity, Role
from signaling_service.backends.archive import Archive
from signaling_service.core.errors import RefusedError
from signaling_service.core.model import Device
from signaling_service.core.requests import check, is_valid_call_id, is_valid_id
from signaling_service.core.rules import Limits
from signaling_service.registry import CallRegistry
from signaling_service.snapshots import call_of, session_of
from signaling_service.transport.door import Context, Door
from signaling_service.transport.errors import StreamEndedError
from signaling_service.transport.guard import Handler, guard, parsed
from signaling_service.transport.pages import page_of
from signaling_service.transport.rich import NO_SERVICE, invalid, no_call
from signaling_service.transport.watching import Watchers

CALL_SERVICE: Final = calls_pb2.DESCRIPTOR.services_by_name["CallService"].full_name
CURSOR_METADATA: Final = "signaling-cursor"
LIMITS: Final = Limits()  # none that an operator may set matters here

log = structlog.get_logger()

Asked = TypeVar("Asked", bound=Message)


class CallServicer:
    """Serves `signaling.v1.CallService`.

    Args:
        registry: what changes calls and sessions.
        archive: what can be told of them.
        watchers: the streams of events.
        door: where everybody comes in.
    """

    def __init__(
        self, registry: CallRegistry, archive: Archive, watchers: Watchers, door: Door
    ) -> None:
        self._registry = registry
        self._archive = archive
        self._watchers = watchers
        self._door = door

    def handlers(self) -> grpc.GenericRpcHandler:
        """The methods, as `grpc.aio.Server.add_generic_rpc_handlers` takes them."""
        methods: dict[str, Any] = {
            "GetCall": self._unary(calls_pb2.GetCallRequest, self._get_call),
            "ListCalls": self._unary(calls_pb2.ListCallsRequest, self._list_calls),
            "EndCall": self._unary(calls_pb2.EndCallRequest, self._end_call),
            "ListDevices": self._unary(calls_pb2.ListDevicesRequest, self._list_devices),
            "DisconnectDevice": self._unary(calls_pb2.DisconnectDeviceRequest, self._disconnect),
            "GetCallTrace": self._unary(calls_pb2.GetCallTraceRequest, self._get_trace),
            "WatchEvents": grpc.unary_stream_rpc_method_handler(self._watch_events),
        }
        return grpc.method_handlers_generic_handler(CALL_SERVICE, methods)

    def _unary(
        self, kind: type[Asked], answer: Callable[[Asked, Identity], Awaitable[Message]]
    ) -> Handler:
        """A method with one answer."""
        method = kind.DESCRIPTOR.name.removesuffix("Request")

        async def serve(data: bytes, context: Context) -> bytes:
            answered: list[Message] = []

            async def ask() -> None:
                identity = await self._come_in(context)
                answered.append(await answer(parsed(kind.FromString, data), identity))

            await guard(context, ask, self._door.span(method, context))
            return answered[0].SerializeToString() if answered else b""

        return grpc.unary_unary_rpc_method_handler(serve)

    async def _watch_events(self, data: bytes, context: Context) -> None:
        async def begin(cursor: str) -> None:
            await context.send_initial_metadata(((CURSOR_METADATA, cursor),))

        async def send(event: calls_pb2.SignalingEvent) -> None:
            await context.write(calls_pb2.WatchEventsResponse(event=event).SerializeToString())

        async def watch() -> None:
            await self._come_in(context)
            request = parsed(calls_pb2.WatchEventsRequest.FromString, data)
            await self._watchers.watch(request, begin, send)

        await guard(context, watch)

    async def _come_in(self, context: Context) -> Identity:
        identity = await self._door.identify(self._door.visitor(context))
        if identity.role is not Role.SERVICE:
            raise StreamEndedError(NO_SERVICE)
        return identity

    async def _get_call(
        self, request: calls_pb2.GetCallRequest, _who: Identity
    ) -> calls_pb2.GetCallResponse:
        call = await self._archive.call(_call_id(request.call_id))
        if call is None:
            raise no_call(request.call_id)
        return calls_pb2.GetCallResponse(call=call_of(call))

    async def _list_calls(
        self, request: calls_pb2.ListCallsRequest, _who: Identity
    ) -> calls_pb2.ListCallsResponse:
        return await page_of(self._archive, request)

    async def _end_call(
        self, request: calls_pb2.EndCallRequest, who: Identity
    ) -> calls_pb2.EndCallResponse:
        call_id, text = _call_id(request.call_id), None
        if request.HasField("text"):
            text = _text(request.text)
        call = await self._registry.end_call(call_id, text)
        if call is None:
            raise no_call(call_id)
        log.info("call_terminated", call_id=call_id, service=who.device.user_id)
        return calls_pb2.EndCallResponse(call=call_of(call))

    async def _list_devices(
        self, request: calls_pb2.ListDevicesRequest, _who: Identity
    ) -> calls_pb2.ListDevicesResponse:
        devices = await self._archive.devices(_id("user_id", request.user_id))
        return calls_pb2.ListDevicesResponse(devices=[session_of(each) for each in devices])

    async def _disconnect(
        self, request: calls_pb2.DisconnectDeviceRequest, who: Identity
    ) -> calls_pb2.DisconnectDeviceResponse:
        device = Device(_id("user_id", request.user_id), _id("device_id", request.device_id))
        await self._registry.disconnect_device(device)
        log.info("device_disconnected", service=who.device.user_id, **device._asdict())
        return calls_pb2.DisconnectDeviceResponse()

    async def _get_trace(
        self, request: calls_pb2.GetCallTraceRequest, _who: Identity
    ) -> calls_pb2.GetCallTraceResponse:
        trace = await self._archive.trace(_call_id(request.call_id))
        if trace is None:
            raise no_call(request.call_id)
        return trace


def _call_id(call_id: str) -> str:
    if not is_valid_call_id(call_id):
        raise invalid("call_id", "1 to 64 of A-Z a-z 0-9 _ . : - are needed")
    return call_id


def _id(field: str, value: str) -> str:
    if not is_valid_id(value):
        raise invalid(field, "1 to 128 printable characters without spaces, { } * are needed")
    return value


def _text(text: str) -> str:
    """What devices may be told: as in a hangup."""
    try:
        check(pb.ConnectRequest(call_id="-", hangup=pb.Hangup(text=text)), "hangup", LIMITS)
    except RefusedError as refusal:
        _, _, why = str(refusal).partition(": ")
        raise invalid("text", why) from None
    return text
