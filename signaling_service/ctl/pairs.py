"""Pairs of test devices that call each other, for load."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from signaling.v1 import signaling_pb2 as pb

from signaling_service.client import (
    Answered,
    Call,
    CallEvent,
    Client,
    ClientError,
    Ended,
    Incoming,
    Lost,
    PeerState,
    Refused,
)
from signaling_service.ctl.media import Media
from signaling_service.ctl.talking import Talk
from signaling_service.ctl.tally import Tally
from signaling_service.ctl.wording import word

SET_UP_TIMEOUT: Final = 10.0  # s; two programs ring, answer and connect: no person is waited for


@dataclass(frozen=True)
class Shape:
    """What a call is like.

    Attributes:
        talk: how long it lasts once it is connected, in seconds.
        candidates: how many each side sends.
    """

    talk: float
    candidates: int


class Pair:
    """A device that calls, and one that answers.

    Args:
        caller: connected.
        callee: connected; nobody else may call it.
        callee_id: its user.
        shape: what the calls are like.
        tally: where to count them.
    """

    def __init__(
        self, caller: Client, callee: Client, callee_id: str, shape: Shape, tally: Tally
    ) -> None:
        self._caller = caller
        self._callee = callee
        self._callee_id = callee_id
        self._shape = shape
        self._tally = tally

    async def run(self) -> None:
        """Answer every call, until both devices have stopped."""
        await asyncio.gather(self._read(self._caller), self._read(self._callee))

    async def call(self) -> None:
        """Place a call, and count how it goes."""
        self._tally.begun += 1
        placed = _Placed(self._tally)
        media = Media()
        try:
            call = self._caller.call(self._callee_id, media.description())
        except ClientError:
            self._tally.failures["TURNED_AWAY"] += 1
            return
        ending = asyncio.create_task(self._hang_up(call, placed))
        ended = await Talk(call, media, placed.hear, self._shape.candidates).follow()
        ending.cancel()
        with suppress(asyncio.CancelledError):
            await ending
        self._count(ended, placed)

    async def _read(self, client: Client) -> None:
        """Read what concerns a device, so that it does not wait; take its calls."""
        async with asyncio.TaskGroup() as group:
            async for event in client:
                if isinstance(event, Incoming):
                    group.create_task(self._answer(event.call))

    async def _answer(self, call: Call) -> None:
        media = Media()
        call.ring()
        call.answer(media.description())
        await Talk(call, media, lambda _event: None, self._shape.candidates).follow()

    async def _hang_up(self, call: Call, placed: "_Placed") -> None:
        try:
            async with asyncio.timeout(SET_UP_TIMEOUT):
                await placed.is_connected.wait()
        except TimeoutError:
            placed.failure = "SET_UP_TIMEOUT"
        else:
            await asyncio.sleep(self._shape.talk)
        call.hangup()

    def _count(self, ended: Ended | Lost, placed: "_Placed") -> None:
        if placed.failure:
            self._tally.failures[placed.failure] += 1
        elif isinstance(ended, Lost):
            self._tally.failures[f"LOST ({ended.cause.value})"] += 1
        elif ended.reason != pb.END_REASON_HANGUP:
            self._tally.failures[word(pb.EndReason, ended.reason)] += 1
        else:
            self._tally.completed += 1


class _Placed:
    """What the calling side has seen of a call."""

    def __init__(self, tally: Tally) -> None:
        self.is_connected = asyncio.Event()
        self.failure = ""
        self._tally = tally
        self._begin = time.perf_counter()

    def hear(self, event: CallEvent) -> None:
        """Note when the answer comes, when the peer is connected, and what is refused."""
        elapsed = time.perf_counter() - self._begin
        match event:
            case Answered():
                self._tally.set_up.append(elapsed)
            case PeerState("connected") if not self.is_connected.is_set():
                self._tally.connected.append(elapsed)
                self.is_connected.set()
            case Refused(_, code):
                self.failure = self.failure or word(pb.ErrorCode, code)
