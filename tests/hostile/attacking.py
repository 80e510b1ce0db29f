"""How an attack goes: so many connections, each hurt in the same way, and how each fares."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from tests.devices import PATIENCE
from tests.transport.http2 import ACK, Http2, Kind

CLOSED: Final = "closed"  # the service has closed the connection
OPEN: Final = "open"  # it answers on it still
PING: Final = b"are you?"
STALL: Final = 0.5  # s; who takes nothing for so long has stopped reading

Attack = Callable[[Http2, int], Awaitable[None]]  # the connection, and its number


async def attack_with(attack: Attack, address: str, connections: int) -> Counter[str]:
    """Attack over so many connections at once; returns how many fared how."""
    fates = await asyncio.gather(*[_fate(attack, address, each) for each in range(connections)])
    return Counter(fates)


async def _fate(attack: Attack, address: str, number: int) -> str:
    connection = Http2(address)
    try:
        with suppress(ConnectionError):
            await attack(connection, number)
        return await fate(connection)
    finally:
        connection.abort()


async def fate(connection: Http2) -> str:
    """How a connection fares that was hurt.

    Raises:
        TimeoutError: it is neither closed, nor is a ping answered on it.
    """
    async with asyncio.timeout(PATIENCE):
        # what was wrong may be found out while the first one is being answered
        is_open = await _is_answered(connection) and await _is_answered(connection)
    return OPEN if is_open else CLOSED


async def _is_answered(connection: Http2) -> bool:
    connection.frame(Kind.PING, 0, PING)
    while (frame := await connection.next()) is not None:
        if frame[:2] == (Kind.PING, ACK) and frame.payload == PING:
            return True
    return False


async def pours(connection: Http2, times: int, chunk: Callable[[], bytes]) -> None:
    """Send a chunk again and again, as long as the service takes it."""
    with suppress(TimeoutError):
        for _ in range(times):
            connection.write(chunk())
            async with asyncio.timeout(STALL):
                if not await connection.flush():
                    return
