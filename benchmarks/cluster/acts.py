"""What each act of a call asks of the engine: how many scripts, and how long it runs them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Final, NamedTuple

from benchmarks.bench import Bench
from benchmarks.cluster.meter import SCRIPT
from benchmarks.engine import Command, Engine, running_engine
from benchmarks.figures import Figure
from benchmarks.pairs import Pair, open_pairs
from benchmarks.plan import CALLS_IN_PARALLEL, CANDIDATES_PER_SIDE, STALL_TIMEOUT
from benchmarks.servers import Kind, Server

_SETTLE_SECONDS: Final = 0.5  # acks that wait for something to ride on go by themselves
_POLL_INTERVAL: Final = 0.02


class _Act(NamedTuple):
    """What a pair does while all others do it too, and how many times that is."""

    do: Callable[[Pair], Awaitable[None]]
    times: int


_ACTS: Final[Mapping[str, _Act]] = {
    "offer": _Act(Pair.offer, 1),
    "ringing": _Act(Pair.ring, 1),
    "answer": _Act(Pair.answer, 1),
    "candidate": _Act(lambda pair: pair.trickle(1), 2 * CANDIDATES_PER_SIDE),
    "ten candidates": _Act(lambda pair: pair.trickle(CANDIDATES_PER_SIDE), 2),
    "connected": _Act(Pair.connect, 2),
    "hangup": _Act(Pair.hang_up, 1),
}
_ATTACH: Final = "attach"
_DETACH: Final = "detach"
_ACK: Final = "ack by itself"
_ONE: Final = "one node"
_TWO: Final = "two nodes"  # callers at one, callees at the other
_VALUES: Final[Sequence[tuple[str, str, Callable[[Command], float]]]] = (
    ("EVALSHA", "an act", lambda took: took.calls),
    ("engine", "µs an act", lambda took: took.usec),
)
_DEVICES: Final = 2 * CALLS_IN_PARALLEL


async def measure(bench: Bench, section: str) -> list[Figure]:
    """Return scripts and engine time of each act, run by itself, at two nodes and at one."""
    async with AsyncExitStack() as stack:
        plays = {}
        for name, count in ((_ONE, 1), (_TWO, 2)):
            engine = await stack.enter_async_context(running_engine(bench.server_core))
            settings = {"SIGNALING_BACKEND": engine.url}
            nodes = [
                stack.enter_context(bench.server(Kind.SERVICE, settings)) for _ in range(count)
            ]
            plays[name] = partial(_play, nodes, engine)
        taken = await bench.alternate("cluster, act by act", plays)
    return [
        Figure(
            section=section,
            name=f"{act}, {_TWO}: {name}",
            unit=unit,
            rounds=[value(took[act]) for took in taken[_TWO]],
            compared_with=_ONE,
            compared_rounds=[value(took[act]) for took in taken[_ONE]],
        )
        for act in taken[_ONE][0]
        for name, unit, value in _VALUES
    ]


async def _play(nodes: Sequence[Server], engine: Engine) -> Mapping[str, Command]:
    """Let pairs come, call and go; return what one act of each kind asked for."""
    took = {}
    async with AsyncExitStack() as stack:
        before = await _scripts(engine)
        calls = open_pairs(
            nodes[0].address,
            CALLS_IN_PARALLEL,
            numbered=True,
            callee_address=nodes[-1].address,
        )
        pairs = await stack.enter_async_context(calls)
        took[_ATTACH] = (await _scripts(engine)).since(before).per(_DEVICES)
        acks, acks_before = Command(), _bare_acks(pairs)
        for name, act in _ACTS.items():
            before = await _scripts(engine)
            await _do(act, pairs)
            took[name] = (await _scripts(engine)).since(before).per(act.times * len(pairs))
            acks = acks.plus(await _settle(engine))
        took[_ACK] = acks.per(_bare_acks(pairs) - acks_before)
        before = await _scripts(engine)
    await _until_nobody_is_there(engine)
    took[_DETACH] = (await _scripts(engine)).since(before).per(_DEVICES)
    return took


async def _do(act: _Act, pairs: Sequence[Pair]) -> None:
    async with asyncio.timeout(STALL_TIMEOUT):
        await asyncio.gather(*(act.do(pair) for pair in pairs))


async def _settle(engine: Engine) -> Command:
    """Let the acks go that are still owed; return what they asked for."""
    before = await _scripts(engine)
    await asyncio.sleep(_SETTLE_SECONDS)
    return (await _scripts(engine)).since(before)


async def _until_nobody_is_there(engine: Engine) -> None:
    async with asyncio.timeout(STALL_TIMEOUT):
        while await engine.has_devices():  # noqa: ASYNC110 - another process tells no event
            await asyncio.sleep(_POLL_INTERVAL)


async def _scripts(engine: Engine) -> Command:
    return (await engine.commands()).get(SCRIPT, Command())


def _bare_acks(pairs: Sequence[Pair]) -> int:
    return sum(pair.caller.bare_acks + pair.callee.bare_acks for pair in pairs)
