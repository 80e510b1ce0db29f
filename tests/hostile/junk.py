"""Connections that say nothing, or nothing that is of use, and go away."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from typing import Final

from tests.hostile import malformed
from tests.hostile.attacking import Attack
from tests.hostile.floods import HELLO, somebody
from tests.transport.http2 import Http2, Kind, framed

AT_ONCE: Final = 100
HALF: Final = b"\x00\x00\x00\x10\x00" + bytes(100)  # of a message of 4 KiB


async def says_nothing(connection: Http2, _: int) -> None:
    """TCP, and no more."""
    await connection.open_tcp()


async def says_no_more(connection: Http2, _: int) -> None:
    """It shakes hands."""
    await connection.open()


async def begins_an_rpc(connection: Http2, number: int) -> None:
    """Its RPC has no message."""
    await connection.open()
    connection.request(1, somebody(number, 1))
    await connection.flush()


async def says_hello(connection: Http2, number: int) -> None:
    """It goes away before it is welcomed."""
    await begins_an_rpc(connection, number)
    connection.send(1, HELLO)
    await connection.flush()


async def stops_in_a_message(connection: Http2, number: int) -> None:
    """A hello, and half of the next message."""
    await says_hello(connection, number)
    connection.frame(Kind.DATA, 1, HALF)
    await connection.flush()


async def stops_in_a_frame(connection: Http2, number: int) -> None:
    """A hello, and half of the next frame."""
    await says_hello(connection, number)
    connection.write(framed(Kind.DATA, 1, HALF)[: len(HALF) // 2])
    await connection.flush()


KINDS: Final[Sequence[Attack]] = (
    says_nothing,
    says_no_more,
    begins_an_rpc,
    says_hello,
    stops_in_a_message,
    stops_in_a_frame,
    malformed.http1,
    malformed.tls_hello,
    malformed.random_bytes,
    malformed.random_frames,
)


async def junk(address: str, count: int) -> Counter[str]:
    """So many connections of all kinds, a hundred at a time; returns how many of which kind."""
    numbers = iter(range(count))
    counts: Counter[str] = Counter()

    async def connects() -> None:
        for number in numbers:
            kind = Random(number).choice(KINDS)  # noqa: S311 - any
            connection = Http2(address)
            with suppress(ConnectionError, AssertionError):  # it may be turned away
                await kind(connection, number)
            if number % 2:
                await connection.close()
            connection.abort()
            counts[kind.__name__] += 1

    await asyncio.gather(*[connects() for _ in range(AT_ONCE)])
    return counts
