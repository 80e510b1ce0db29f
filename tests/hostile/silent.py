"""Peers that stop: before they have said anything, in the middle, or in reading."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final

from grpc_health.v1 import health_pb2
from signaling.v1 import signaling_pb2 as pb

from tests.hostile import junk
from tests.hostile.attacking import Attack
from tests.hostile.floods import HELLO, somebody
from tests.transport.http2 import END_STREAM, PREFACE, Http2, Kind

WATCH: Final = "/grpc.health.v1.Health/Watch"


async def half_a_preface(connection: Http2, _: int) -> None:
    """It does not come to its end."""
    await connection.open_tcp()
    connection.write(PREFACE[:10])


async def only_a_preface(connection: Http2, _: int) -> None:
    """No SETTINGS follow."""
    await connection.open_tcp()
    connection.write(PREFACE)


async def reads_nothing(connection: Http2, number: int) -> None:
    """A hello from whom not a byte may be sent to."""
    await connection.open(window=0)
    connection.request(1, somebody(number, 1))
    connection.send(1, HELLO)
    await connection.flush()


async def watches_health(connection: Http2, _: int) -> None:
    """The same with the health of both services."""
    await connection.open(window=0)
    for stream, service in ((1, ""), (3, "signaling.v1.SignalingService")):
        connection.request(stream, (), path=WATCH)
        body = health_pb2.HealthCheckRequest(service=service).SerializeToString()
        message = b"\0" + len(body).to_bytes(4, "big") + body
        connection.frame(Kind.DATA, stream, message, END_STREAM)
    await connection.flush()


# before a session
UNKNOWN: Final[Sequence[Attack]] = (
    junk.says_nothing,
    half_a_preface,
    only_a_preface,
    junk.says_no_more,
    junk.begins_an_rpc,
)
# in one
KNOWN: Final[Sequence[Attack]] = (
    junk.says_hello,
    junk.stops_in_a_message,
    junk.stops_in_a_frame,
    reads_nothing,
    watches_health,
)


@asynccontextmanager
async def silent(
    kinds: Sequence[Attack], address: str, count: int, *, reading: bool
) -> AsyncIterator[None]:
    """So many connections of all these kinds, which stay; with `reading` they answer pings."""
    async with connections_to(address, count) as connections, AsyncExitStack() as stack:
        for number, (connection, kind) in enumerate(zip(connections, itertools.cycle(kinds))):
            await kind(connection, number)
            if reading:
                stack.callback(asyncio.create_task(_read(connection)).cancel)
        yield


@asynccontextmanager
async def connections_to(address: str, count: int) -> AsyncIterator[list[Http2]]:
    """So many connections, to be opened; they are broken off in the end."""
    connections = [Http2(address) for _ in range(count)]
    try:
        yield connections
    finally:
        for connection in connections:
            connection.abort()
            await connection.close()


async def _read(connection: Http2) -> None:
    with suppress(ConnectionError):
        while await connection.next() is not None:
            pass


def answering(call: str, number: int, connection: Http2) -> None:
    """Answer a call unseen, on a connection that acknowledges nothing."""
    connection.request(1, somebody(number, 1))
    answer = pb.ConnectRequest(seq=1, call_id=call, answer=pb.SdpAnswer(sdp="v=0\r\n"))
    connection.send(1, HELLO, answer)
