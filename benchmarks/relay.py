"""The yardstick: the least that a gRPC relay of the same messages can do.

It parses every request and builds every response with the generated messages,
and writes to the stream of the named peer from the very task that read. It keeps
nothing, numbers nothing, acknowledges nothing and checks nothing. A request
names its peer's user in `call_id`. Two senders to one peer would collide in
`write`: the load never has that.
"""

import json
import sys
from collections.abc import AsyncIterator
from typing import Final

import grpc
import uvloop
from grpc import aio
from signaling.v1 import signaling_pb2 as pb

from signaling_service.process import let_threads_finish

Context = aio.ServicerContext[pb.ConnectRequest, pb.ConnectResponse]

_SERVICE: Final = "signaling.v1.SignalingService"
_LISTEN: Final = "127.0.0.1:0"


class Relay:
    """Streams by user, and nothing else."""

    def __init__(self) -> None:
        self._streams: dict[str, Context] = {}

    async def connect(self, requests: AsyncIterator[pb.ConnectRequest], context: Context) -> None:
        """Forward what this stream sends to whom it names, until it ends."""
        metadata = dict(context.invocation_metadata() or ())
        sender = pb.Device(user_id=str(metadata["user-id"]), device_id=str(metadata["device-id"]))
        self._streams[sender.user_id] = context
        try:
            await context.write(pb.ConnectResponse(welcome=pb.Welcome()))
            async for request in requests:
                if request.call_id:
                    await self._streams[request.call_id].write(forwarded(request, sender))
        finally:
            del self._streams[sender.user_id]


def forwarded(request: pb.ConnectRequest, sender: pb.Device) -> pb.ConnectResponse:
    """Return what the peer gets of `request`."""
    response = pb.ConnectResponse(call_id=request.call_id, sender=sender)
    match request.WhichOneof("payload"):
        case "candidates":
            response.candidates.CopyFrom(request.candidates)
        case "offer":
            response.offer.CopyFrom(request.offer)
        case "answer":
            response.answer.CopyFrom(request.answer)
        case "connection_state":
            response.connection_state.CopyFrom(request.connection_state)
        case "ringing":
            response.progress.kind = pb.PROGRESS_KIND_RINGING
        case "hangup":
            response.ended.reason = pb.END_REASON_HANGUP
        case other:
            raise AssertionError(f"the load never sends {other}")
    return response


async def serve() -> None:
    """Serve until killed; say the address the way the service does."""
    connect = grpc.stream_stream_rpc_method_handler(
        Relay().connect,
        request_deserializer=pb.ConnectRequest.FromString,
        response_serializer=pb.ConnectResponse.SerializeToString,
    )
    server = aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(_SERVICE, {"Connect": connect})]
    )
    host = _LISTEN.rpartition(":")[0]
    port = server.add_insecure_port(_LISTEN)
    await server.start()
    sys.stderr.write(json.dumps({"event": "serving", "address": f"{host}:{port}"}) + "\n")
    sys.stderr.flush()
    await server.wait_for_termination()


if __name__ == "__main__":
    let_threads_finish()  # as the service does
    uvloop.run(serve())
