"""Events of the signaling service, for as long as it takes: what every consumer begins with."""

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from typing import Final

import grpc
from signaling.v1 import calls_pb2 as pb
from signaling.v1 import calls_pb2_grpc

MIN_BACKOFF: Final = 0.25  # s; a node that drains is one of many
MAX_BACKOFF: Final = 10.0  # s; a phone rings for a minute
# nobody gets another answer by asking again
FINAL: Final = (
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.UNIMPLEMENTED,
)

CHANNEL_OPTIONS: Final = (
    ("grpc.keepalive_time_ms", 15_000),  # finds out that a node is gone
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
)

Identity = Sequence[tuple[str, str]]


class CursorLostError(Exception):
    """Something happened that nobody can tell any more: the cursor is too old."""


async def watch(
    channel: grpc.aio.Channel,
    identity: Identity,
    cursor: str | None,
    kinds: Sequence[pb.EventKind.ValueType] = (),
) -> AsyncGenerator[pb.SignalingEvent, None]:
    """Events behind a cursor, each at least once; None: from now on, and the first says where.

    An event without a member is a bookmark: keep its cursor as any other's. Whatever breaks
    is begun again behind the last event that was taken.

    Raises:
        CursorLostError: begin with None, and look for what was missed in another way.
        grpc.aio.AioRpcError: the service does not want to be asked this.
    """
    stub, failures = calls_pb2_grpc.CallServiceStub(channel), 0
    while True:
        request = pb.WatchEventsRequest(cursor=cursor, kinds=kinds)
        watching = stub.WatchEvents(request, metadata=tuple(identity))
        try:
            begins = dict(await watching.initial_metadata() or ())
            if cursor is None and "signaling-cursor" in begins:
                cursor = str(begins["signaling-cursor"])
                yield pb.SignalingEvent(cursor=cursor)
            async for response in watching:
                failures = 0
                yield response.event
                cursor = response.event.cursor
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.OUT_OF_RANGE:
                raise CursorLostError from error
            if error.code() in FINAL:
                raise
        finally:
            watching.cancel()
        failures += 1
        longest = min(MAX_BACKOFF, MIN_BACKOFF * 2.0 ** min(failures, 10))
        await asyncio.sleep(random.uniform(0, longest))  # noqa: S311 - spreads, hides nothing
