"""Another service, as tests speak of it: `await billing.ends(call)`, `await watch.hears(...)`."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

import grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from signaling.v1 import calls_pb2, calls_pb2_grpc
from signaling.v1 import signaling_pb2 as pb

from tests.devices import PATIENCE, Device, channel_to

DEV: Final = (("user-id", "billing"), ("role", "service"))


class Failure(NamedTuple):
    """How an RPC failed: its code, and what a program can tell it by."""

    code: grpc.StatusCode
    reason: str
    fields: Sequence[str] = ()


class Watch:
    """A stream of events."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.cursor = ""

    async def begins(self) -> str:
        """Wait until nothing is missed any more; returns the cursor that it begins behind."""
        async with asyncio.timeout(PATIENCE):
            metadata = await self._stream.initial_metadata()
        self.cursor = str(dict(metadata or ()).get("signaling-cursor", ""))
        return self.cursor

    async def next(self) -> calls_pb2.SignalingEvent:
        """The next event."""
        async with asyncio.timeout(PATIENCE):
            response = await self._stream.read()
        assert isinstance(response, calls_pb2.WatchEventsResponse), "the stream has ended"
        self.cursor = response.event.cursor
        return response.event

    async def hears(self, kind: str) -> Any:
        """What the next event says, which has to be of this kind."""
        event = await self.next()
        assert event.WhichOneof("event") == kind, event
        return getattr(event, kind)

    async def fails(self) -> Failure:
        """How the stream ends."""
        try:
            async with asyncio.timeout(PATIENCE):
                while isinstance(await self._stream.read(), calls_pb2.WatchEventsResponse):
                    pass
        except grpc.aio.AioRpcError as error:
            return failure_of(error)
        raise AssertionError("the stream ended well")

    def cancel(self) -> None:
        """Watch no more."""
        self._stream.cancel()


class OtherService:
    """A backend service with credentials; its requests take turns at the nodes."""

    def __init__(self, *addresses: str, metadata: tuple[tuple[str, str], ...] = DEV) -> None:
        self.metadata = metadata
        self._channels = [channel_to(address) for address in addresses]
        self._stubs = itertools.cycle(
            calls_pb2_grpc.CallServiceStub(each) for each in self._channels
        )

    async def close(self) -> None:
        """Go away."""
        for channel in self._channels:
            await channel.close()

    async def asks(self, method: str, request: Any) -> Any:
        """The answer of an RPC."""
        return await getattr(next(self._stubs), method)(request, metadata=self.metadata)

    async def fails(self, method: str, request: Any) -> Failure:
        """How an RPC fails."""
        try:
            await self.asks(method, request)
        except grpc.aio.AioRpcError as error:
            return failure_of(error)
        raise AssertionError("it did not fail")

    async def call(self, call_id: str) -> calls_pb2.Call:
        """A call as it is now."""
        answer: calls_pb2.GetCallResponse
        answer = await self.asks("GetCall", calls_pb2.GetCallRequest(call_id=call_id))
        return answer.call

    async def lists(self, **fields: Any) -> calls_pb2.ListCallsResponse:
        """A page of calls."""
        page: calls_pb2.ListCallsResponse
        page = await self.asks("ListCalls", calls_pb2.ListCallsRequest(**fields))
        return page

    async def ends(self, call_id: str, text: str | None = None) -> calls_pb2.Call:
        """End a call."""
        answer: calls_pb2.EndCallResponse
        answer = await self.asks("EndCall", calls_pb2.EndCallRequest(call_id=call_id, text=text))
        return answer.call

    async def devices(self, user_id: str) -> Sequence[calls_pb2.DeviceSession]:
        """The devices of a user that have a session."""
        answer: calls_pb2.ListDevicesResponse
        answer = await self.asks("ListDevices", calls_pb2.ListDevicesRequest(user_id=user_id))
        return answer.devices

    async def disconnects(self, device: Device) -> None:
        """Disconnect a device."""
        request = calls_pb2.DisconnectDeviceRequest(
            user_id=device.user.user_id, device_id=device.device_id
        )
        await self.asks("DisconnectDevice", request)

    async def trace(self, call_id: str) -> calls_pb2.GetCallTraceResponse:
        """What happened in a call."""
        trace: calls_pb2.GetCallTraceResponse
        trace = await self.asks("GetCallTrace", calls_pb2.GetCallTraceRequest(call_id=call_id))
        return trace

    def watches(self, **fields: Any) -> Watch:
        """Watch what happens."""
        request = calls_pb2.WatchEventsRequest(**fields)
        return Watch(next(self._stubs).WatchEvents(request, metadata=self.metadata))

    @asynccontextmanager
    async def watching(self, **fields: Any) -> AsyncIterator[Watch]:
        """Watch from now on, or from a cursor, for a while."""
        watch = self.watches(**fields)
        await watch.begins()
        yield watch
        watch.cancel()


def failure_of(error: grpc.aio.AioRpcError) -> Failure:
    """What a failed RPC says of why."""
    metadata = dict(error.trailing_metadata() or ())
    data = metadata.get("grpc-status-details-bin", b"")
    rich = status_pb2.Status.FromString(data if isinstance(data, bytes) else b"")
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in rich.details:
        detail.Unpack(info)
        detail.Unpack(bad)
    if rich.details:
        assert rpc_status.to_status(rich).code == error.code()
        assert (rich.message, info.domain) == (error.details(), "signaling.v1")
    fields = tuple(violation.field for violation in bad.field_violations)
    return Failure(error.code(), info.reason, fields)


def kinds(trace: calls_pb2.GetCallTraceResponse) -> list[str]:
    """Who did what in a call, in order."""
    return [f"{entry.sender.user_id or 'service'} {entry.kind}" for entry in trace.entries]


def state(call: calls_pb2.Call) -> str:
    """Where a call stands."""
    return pb.CallState.Name(call.state).removeprefix("CALL_STATE_").lower()
