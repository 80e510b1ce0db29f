"""Two well-behaved devices in a call: message for message, and how long each takes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import median, quantiles
from typing import NamedTuple

from signaling.v1 import signaling_pb2 as pb

from tests.devices import Device, User, answered_call


class Times(NamedTuple):
    """How long it took from one device to the other and back, in seconds."""

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        """Half of them took no longer."""
        return median(self.samples)

    @property
    def p99(self) -> float:
        """One in a hundred took longer."""
        return quantiles(self.samples, n=100)[98]


class Pair:
    """The phones of both in a call of theirs; a message goes there, and one comes back."""

    def __init__(self, caller: Device, callee: Device, call: str) -> None:
        self._caller = caller
        self._callee = callee
        self._call = call
        self._number = 0

    async def says(self, count: int) -> Times:
        """Say so many things, one after the other; returns how long each took."""
        return Times(tuple([await self._round() for _ in range(count)]))

    @asynccontextmanager
    async def talking(self, samples: list[float]) -> AsyncIterator[None]:
        """Talk on meanwhile, and to the end of what is being said."""
        is_over = False

        async def talk() -> None:
            while not is_over:
                samples.append(await self._round())

        task = asyncio.create_task(talk())
        try:
            yield
        finally:
            is_over = True
            await task

    async def hangs_up(self) -> None:
        """End the call, which has to be alive."""
        await self._caller.hangs_up(self._call)
        await self._caller.hears_end(pb.END_REASON_HANGUP)
        await self._callee.hears_end(pb.END_REASON_HANGUP)

    async def _round(self) -> float:
        """Say something and hear it back: nothing lost, doubled or out of order."""
        now = asyncio.get_running_loop().time
        began_at = now()
        self._number += 1
        body = b"%d" % self._number
        for speaker, listener in ((self._caller, self._callee), (self._callee, self._caller)):
            await speaker.sends(call=self._call, app_message=pb.AppMessage(body=body))
            assert (await listener.hears("app_message")).app_message.body == body
        return now() - began_at


async def pair_of(caller: User, callee: User) -> Pair:
    """A call between the phones of both."""
    call = await answered_call(caller, callee)
    return Pair(caller.phone, callee.phone, call)
