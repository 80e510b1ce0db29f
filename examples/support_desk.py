"""A support desk: shows the calls of a user, and how each came to where it is.

Run it beside a service that listens on loopback: `python -m examples.support_desk bob`.
"""

import asyncio
import sys

import grpc
from signaling.v1 import calls_pb2, calls_pb2_grpc
from signaling.v1 import signaling_pb2 as pb

SUPPORT = (("user-id", "support"), ("role", "service"))


async def calls_of(user_id: str, address: str = "127.0.0.1:50051") -> list[str]:
    """The calls of a user, a line each, the newest first."""
    async with grpc.aio.insecure_channel(address) as channel:
        service = calls_pb2_grpc.CallServiceStub(channel)
        lines: list[str] = []
        request = calls_pb2.ListCallsRequest(user_id=user_id)
        while True:
            page = await service.ListCalls(request, metadata=SUPPORT)
            for call in page.calls:
                trace = await service.GetCallTrace(
                    calls_pb2.GetCallTraceRequest(call_id=call.call_id), metadata=SUPPORT
                )
                story = ", ".join(entry.kind for entry in trace.entries)
                state = pb.CallState.Name(call.state).removeprefix("CALL_STATE_").lower()
                lines.append(f"{call.caller.user_id} → {call.callee_user_id}: {state} ({story})")
            if not page.next_page_token:
                return lines
            request.page_token = page.next_page_token


if __name__ == "__main__":
    for line in asyncio.run(calls_of(sys.argv[1])):
        print(line)  # noqa: T201 - that is what it is for
