"""`load`: many test calls, and how they went."""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Final

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from signaling_service.ctl.command import Terminal
from signaling_service.ctl.complaints import DONE, FAILED
from signaling_service.ctl.connection import whose
from signaling_service.ctl.fleet import DEVICE, Fleet
from signaling_service.ctl.pairs import SET_UP_TIMEOUT, Pair, Shape
from signaling_service.ctl.screen import Screen
from signaling_service.ctl.tally import Tally

GOODBYE: Final = 5.0  # s; beyond the time that a call may take
TICK: Final = 0.2  # s; how often the bar moves
SIDES: Final = ("caller", "callee")

Pairs = Annotated[int, typer.Option(min=1, metavar="N", help="Pairs of devices.")]
Rate = Annotated[float, typer.Option(min=0.01, metavar="CALLS/S", help="Calls a second, in all.")]
Seconds = Annotated[float, typer.Option(min=0.1, metavar="S", help="How long to place calls.")]
TalkTime = Annotated[
    float, typer.Option("--talk", min=0, metavar="S", help="How long a call stays connected.")
]
Candidates = Annotated[
    int, typer.Option(min=0, max=200, metavar="N", help="ICE candidates that each side sends.")
]
Prefix = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="Users are TEXT-1-caller, TEXT-1-callee, …; their device is phone.",
        show_default="load- and some letters",
    ),
]


@dataclass(frozen=True)
class Plan:
    """How many calls are to be placed.

    Attributes:
        pairs: of devices.
        rate: calls a second.
        seconds: how long.
        prefix: what the users' names begin with.
        shape: what the calls are like.
    """

    pairs: int
    rate: float
    seconds: float
    prefix: str
    shape: Shape


class Load:
    """Places calls at a fixed rate, whether or not those before are over.

    Args:
        plan: how many.
        tally: where to count them.
    """

    def __init__(self, plan: Plan, tally: Tally) -> None:
        self._plan = plan
        self._tally = tally
        self._calls: set[asyncio.Task[None]] = set()

    async def run(self, pairs: list[Pair]) -> None:
        """Place calls for as long as planned, then wait until those under way are over."""
        now = asyncio.get_running_loop().time
        begin = now()
        try:
            await self._place_all(deque(pairs), begin)
        finally:
            self._tally.elapsed = now() - begin
        if self._calls:
            patience = self._plan.shape.talk + SET_UP_TIMEOUT + GOODBYE
            _, under_way = await asyncio.wait(self._calls, timeout=patience)
            for _ in under_way:
                self._tally.failures["NEVER_ENDED"] += 1

    async def _place_all(self, idle: deque[Pair], begin: float) -> None:
        now, number = asyncio.get_running_loop().time, 0
        while (due := number / self._plan.rate) < self._plan.seconds:
            await asyncio.sleep(begin + due - now())
            number += 1
            if idle:
                self._place(idle)
            else:
                self._tally.skipped += 1
        await asyncio.sleep(begin + self._plan.seconds - now())

    def _place(self, idle: deque[Pair]) -> None:
        pair = idle.popleft()
        task = asyncio.create_task(pair.call())
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        task.add_done_callback(lambda _task: idle.append(pair))


async def load(  # noqa: PLR0913 - each option of the command is a parameter
    terminal: Terminal,
    *,
    pairs: Pairs = 10,
    rate: Rate = 5,
    seconds: Seconds = 10,
    talk: TalkTime = 1,
    candidates: Candidates = 6,
    prefix: Prefix = None,
) -> int:
    """Let pairs of devices call each other, and say how it went; Ctrl-C ends it earlier."""
    name = prefix or f"load-{secrets.token_hex(2)}"
    whose(f"{name}/{DEVICE}", "--prefix")
    plan, tally = Plan(pairs, rate, seconds, name, Shape(talk, candidates)), Tally()
    async with _connected(terminal, plan, tally) as ready:
        placing = asyncio.create_task(Load(plan, tally).run(ready))
        try:
            await _with_bar(terminal.screen, placing, plan, tally)
        except asyncio.CancelledError:
            placing.cancel()
            await asyncio.wait([placing])
        terminal.screen.show(tally.record(), tally.table())
    return FAILED if tally.has_failed else DONE


async def _with_bar(screen: Screen, placing: asyncio.Task[None], plan: Plan, tally: Tally) -> None:
    """Wait, and show how far it is."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    has_none = screen.is_json or not screen.error.is_terminal
    with Progress(*columns, console=screen.error, transient=True, disable=has_none) as progress:
        bar = progress.add_task("", total=plan.seconds + plan.shape.talk)
        while not placing.done():
            await asyncio.wait([placing], timeout=TICK)
            failed = tally.failures.total()
            told = f"{tally.begun} calls, {failed} failed"
            progress.update(bar, advance=TICK, description=told)
    placing.result()


@asynccontextmanager
async def _connected(terminal: Terminal, plan: Plan, tally: Tally) -> AsyncIterator[list[Pair]]:
    """Pairs whose devices are connected, and disconnect at the end."""
    fleet = Fleet(terminal.connection)
    users = [[f"{plan.prefix}-{n}-{side}" for side in SIDES] for n in range(1, plan.pairs + 1)]
    try:
        clients = await fleet.connect([user for pair in users for user in pair])
        pairs = [
            Pair(clients[caller], clients[callee], callee, plan.shape, tally)
            for caller, callee in users
        ]
        running = [asyncio.ensure_future(pair.run()) for pair in pairs]
        yield pairs
    finally:
        await fleet.close()
    await asyncio.gather(*running, return_exceptions=True)
