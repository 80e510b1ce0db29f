"""Apps on the client library, for tests: what they hear, and waits that are recorded."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from signaling_service.client import (
    Answered,
    Call,
    CallEvent,
    Client,
    ClientEvent,
    Connected,
    Incoming,
    Timing,
    Won,
    identity,
)
from tests.devices import PATIENCE, sdp

E = TypeVar("E")


class Waits:
    """Sleeps that last no time; kept, to be looked at."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Note the wait, and let others run."""
        self.seconds.append(seconds)
        await asyncio.sleep(0)

    @property
    def timing(self) -> Timing:
        """A timing without waits and without chance: every draw is its most."""
        return Timing(sleep=self.sleep, uniform=lambda _least, most: most)


QUICK = Timing(min_backoff=0.01, max_backoff=0.05, ack_delay=0.01)


def device(address: str, user_id: str, timing: Timing = QUICK) -> Client:
    """The phone of a user."""
    return Client(address, identity(user_id, "phone"), timing=timing)


async def until(source: Client | Call, kind: type[E]) -> E:
    """The next event of a kind; others are passed over."""
    async with asyncio.timeout(PATIENCE):
        async for event in source:
            if isinstance(event, kind):
                return event
    raise AssertionError(f"no {kind.__name__} before the end")


async def all_of(call: Call) -> list[CallEvent]:
    """What is still to happen in a call, to its end."""
    async with asyncio.timeout(PATIENCE):
        return [event async for event in call]


async def next_of(client: Client) -> ClientEvent:
    """The very next event of a client."""
    async with asyncio.timeout(PATIENCE):
        return await anext(client)


@asynccontextmanager
async def connected(*clients: Client) -> AsyncIterator[None]:
    """The clients have their first welcome, and leave at the end."""
    async with asyncio.timeout(PATIENCE):
        for client in clients:
            await client.__aenter__()
            assert await until(client, Connected)
    try:
        yield
    finally:
        for client in clients:
            await client.close()


async def talk(alice: Client, bob: Client) -> tuple[Call, Call]:
    """An answered call: the caller's handle, and the callee's."""
    call = alice.call("bob", sdp())
    incoming = (await until(bob, Incoming)).call
    incoming.answer(sdp())
    await until(incoming, Won)
    await until(call, Answered)
    return call, incoming
