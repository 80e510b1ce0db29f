"""Two devices and what they say to each other in the course of a call."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from benchmarks import messages
from benchmarks.device import Device, opened
from benchmarks.plan import CALLS_IN_PARALLEL, CANDIDATES_PER_SIDE


@dataclass
class Pair:
    """A caller and a callee, and by which id each of them names their call."""

    caller: Device
    callee: Device
    caller_call_id: str = ""
    callee_call_id: str = ""

    @property
    def sides(self) -> tuple[tuple[Device, str, str], tuple[Device, str, str]]:
        """Each side's device, call id and ICE generation."""
        return (
            (self.caller, self.caller_call_id, messages.CALLER_UFRAG),
            (self.callee, self.callee_call_id, messages.CALLEE_UFRAG),
        )

    async def dial(self) -> None:
        """Offer, ring, answer."""
        await self.offer()
        await self.ring()
        await self.answer()

    async def offer(self) -> None:
        """Start another call."""
        if self.caller.numbered:
            self.caller_call_id = self.callee_call_id = str(uuid.uuid4())
        else:  # the bare relay goes by the peer's name, which is as long as a UUID
            self.caller_call_id, self.callee_call_id = self.callee.user_id, self.caller.user_id
        await self.caller.send(messages.offer(self.caller_call_id, self.callee.user_id))
        await self.callee.expect("offer")

    async def ring(self) -> None:
        """Let the callee ring."""
        await self.callee.send(messages.ringing(self.callee_call_id))
        await self.caller.expect("progress")

    async def answer(self) -> None:
        """Let the callee answer."""
        await self.callee.send(messages.answer(self.callee_call_id))
        if self.callee.numbered:
            await self.callee.expect("progress")  # WON
        await self.caller.expect("answer")

    async def trickle(self, per_message: int) -> None:
        """Send each side's candidates to the other, that many in a message."""
        count = CANDIDATES_PER_SIDE // per_message
        for device, call_id, ufrag in self.sides:
            request = messages.candidates(call_id, ufrag, per_message)
            for _ in range(count):
                await device.send(request)
        for device, _, _ in self.sides:
            for _ in range(count):
                await device.expect("candidates")

    async def connect(self) -> None:
        """Report the peer connection of both sides as connected."""
        for device, call_id, _ in self.sides:
            await device.send(messages.connected(call_id))
        for device, _, _ in self.sides:
            await device.expect("connection_state")

    async def hang_up(self) -> None:
        """End the call by its caller."""
        await self.caller.send(messages.hangup(self.caller_call_id))
        await self.callee.expect("ended")
        if self.caller.numbered:
            await self.caller.expect("ended")  # the confirmation


@asynccontextmanager
async def open_pairs(
    address: str,
    count: int,
    *,
    numbered: bool,
    per_connection: int = 1,
    callee_address: str | None = None,
) -> AsyncIterator[list[Pair]]:
    """Open the streams of `count` pairs, of users nobody else has.

    Callees are at `callee_address`, if it is given: at another node than their callers.
    """
    users = [str(uuid.uuid4()) for _ in range(2 * count)]
    open_at = partial(opened, numbered=numbered, per_connection=per_connection)
    async with (
        open_at(address, users[::2]) as callers,
        open_at(callee_address or address, users[1::2]) as callees,
    ):
        yield [Pair(*both) for both in zip(callers, callees, strict=True)]


@asynccontextmanager
async def connected_pairs(
    address: str,
    count: int,
    *,
    numbered: bool,
    per_connection: int = 1,
    callee_address: str | None = None,
) -> AsyncIterator[list[Pair]]:
    """Open `count` pairs as `open_pairs` does, and leave each in a connected call."""
    async with open_pairs(
        address,
        count,
        numbered=numbered,
        per_connection=per_connection,
        callee_address=callee_address,
    ) as pairs:
        for start in range(0, count, CALLS_IN_PARALLEL):
            await asyncio.gather(*(_up(pair) for pair in pairs[start : start + CALLS_IN_PARALLEL]))
        yield pairs


async def _up(pair: Pair) -> None:
    await pair.dial()
    await pair.connect()
