"""A CallService that says what a test has written."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
from signaling.v1 import calls_pb2 as pb
from signaling.v1 import calls_pb2_grpc

from signaling_service.core.errors import CursorLostError
from tests.webhook.log import WrittenLog

AT_ONCE = 16


class ScriptedCalls(calls_pb2_grpc.CallServiceServicer):
    """Tells what is in `log`, and of the calls in `calls`."""

    def __init__(self, log: WrittenLog) -> None:
        self.log = log
        self.calls: dict[str, pb.Call] = {}
        self.address = ""
        self.watchers = 0

    async def WatchEvents(  # noqa: N802 - the proto's name
        self,
        request: pb.WatchEventsRequest,
        context: grpc.aio.ServicerContext[pb.WatchEventsRequest, pb.WatchEventsResponse],
    ) -> AsyncIterator[pb.WatchEventsResponse]:
        """Events from the log; what is not of the wanted kinds is passed over."""
        cursor = request.cursor if request.HasField("cursor") else await self.log.newest()
        await context.send_initial_metadata((("signaling-cursor", cursor),))
        kinds = {pb.EventKind.Name(kind).removeprefix("EVENT_KIND_") for kind in request.kinds}
        woken = asyncio.Event()
        self.watchers += 1
        with self.log.watching(woken.set):
            while True:
                woken.clear()
                try:
                    events = await self.log.events(cursor, AT_ONCE)
                except CursorLostError:
                    await context.abort(grpc.StatusCode.OUT_OF_RANGE, "lost")
                for event in events:
                    cursor = event.cursor
                    if not kinds or (event.WhichOneof("event") or "").upper() in kinds:
                        yield pb.WatchEventsResponse(event=event)
                if not events:
                    await woken.wait()

    async def GetCall(  # noqa: N802 - the proto's name
        self,
        request: pb.GetCallRequest,
        context: grpc.aio.ServicerContext[pb.GetCallRequest, pb.GetCallResponse],
    ) -> pb.GetCallResponse:
        """A call that was written."""
        if request.call_id not in self.calls:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such call")
        return pb.GetCallResponse(call=self.calls[request.call_id])

    async def ListCalls(  # noqa: N802 - the proto's name
        self, request: pb.ListCallsRequest, _context: object
    ) -> pb.ListCallsResponse:
        """Those in the wanted state, a page each."""
        found = [call for call in self.calls.values() if call.state == request.state]
        start = int(request.page_token or 0)
        more = str(start + 1) if start + 1 < len(found) else ""
        return pb.ListCallsResponse(calls=found[start : start + 1], next_page_token=more)


@asynccontextmanager
async def scripted(log: WrittenLog, port: int = 0) -> AsyncIterator[ScriptedCalls]:
    """A service that runs."""
    service = ScriptedCalls(log)  # type: ignore[abstract]  # consumers ask for no more
    server = grpc.aio.server()
    calls_pb2_grpc.add_CallServiceServicer_to_server(service, server)
    service.address = f"127.0.0.1:{server.add_insecure_port(f'127.0.0.1:{port}')}"
    await server.start()
    try:
        yield service
    finally:
        await server.stop(grace=None)
