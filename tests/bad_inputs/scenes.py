"""What part the one who sends what is bad has in a call."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from signaling.v1 import signaling_pb2 as pb

from tests.bad_inputs.case import MINE
from tests.devices import User

Scene = Callable[[User, User], Awaitable[None]]


async def none(mallory: User, _trent: User) -> None:
    """No part in any call."""
    await mallory.connect("phone")


async def caller(mallory: User, trent: User) -> None:
    """Its offer rings."""
    await mallory.connect("phone")
    await trent.connect("phone")
    await mallory.phone.offers(trent, call=MINE)
    await trent.phone.hears("offer")


async def callee(mallory: User, trent: User) -> None:
    """It is rung."""
    await mallory.connect("phone")
    await trent.connect("phone")
    await trent.phone.offers(mallory, call=MINE)
    await mallory.phone.hears("offer")


async def in_call(mallory: User, trent: User) -> None:
    """Its offer was answered."""
    await caller(mallory, trent)
    await trent.phone.answers(MINE)
    await mallory.phone.hears("answer")


async def winner(mallory: User, trent: User) -> None:
    """It has answered."""
    await callee(mallory, trent)
    await mallory.phone.answers(MINE)
    await mallory.phone.hears_progress(pb.PROGRESS_KIND_WON)


async def loser(mallory: User, trent: User) -> None:
    """Another device of its user has answered."""
    await mallory.connect("tablet")
    await callee(mallory, trent)
    await mallory.tablet.hears("offer")
    await mallory.tablet.answers(MINE)
    await mallory.phone.hears_end(pb.END_REASON_ANSWERED_ELSEWHERE)


async def cancelled(mallory: User, trent: User) -> None:
    """It was rung, and the caller has thought better of it."""
    await callee(mallory, trent)
    await trent.phone.hangs_up(MINE)
    await mallory.phone.hears_end(pb.END_REASON_CANCELLED)


SCENES: Final[Mapping[str, Scene]] = {
    "none": none,
    "caller": caller,
    "callee": callee,
    "in call": in_call,
    "winner": winner,
    "loser": loser,
    "cancelled": cancelled,
}
