"""Who may call whom: a service that the signaling service asks, here with a list of blocks.

Each line of the file has a user, and somebody who may not call that user: `bob mallory`.
"""

import asyncio
import sys
from pathlib import Path

import grpc
from signaling.v1 import policy_pb2 as pb
from signaling.v1 import policy_pb2_grpc


class BlockList(policy_pb2_grpc.CallPolicyServiceServicer):
    """Says no for the pairs in a file, which may change at any time."""

    def __init__(self, file: Path) -> None:
        self._file = file

    async def MayCall(  # noqa: N802 - the proto's name
        self, request: pb.MayCallRequest, _context: object
    ) -> pb.MayCallResponse:
        """Answer; a file that cannot be read is an error, and so means no."""
        blocks = [line.split() for line in self._file.read_text().splitlines()]
        is_blocked = [request.callee_user_id, request.caller.user_id] in blocks
        no, yes = pb.CALL_VERDICT_NOT_ALLOWED, pb.CALL_VERDICT_ALLOWED
        return pb.MayCallResponse(verdict=no if is_blocked else yes)


async def main(file: str, address: str = "127.0.0.1:50061") -> None:
    """Serve until it is cancelled."""
    server = grpc.aio.server()
    policy_pb2_grpc.add_CallPolicyServiceServicer_to_server(BlockList(Path(file)), server)
    server.add_insecure_port(address)
    await server.start()
    try:
        await server.wait_for_termination()
    finally:
        await server.stop(grace=None)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
