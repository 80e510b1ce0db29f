"""What relaying a candidate costs, and whether that grows with what else the service holds."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.holder import held
from benchmarks.pairs import Pair, connected_pairs
from benchmarks.plan import CALLS_IN_PARALLEL, CANDIDATES_PER_MESSAGE, FEW_IDLE_DEVICES
from benchmarks.rounds import candidate_cpu
from benchmarks.servers import Kind, Server

SECTION: Final = "candidates"
_UNIT: Final = "µs CPU a candidate"
_MILLISECONDS: Final = 1e3
_RELAY: Final = "relay"
_SERVICE: Final = "service"
_ALONE: Final = "alone"  # what the figures with company are compared with
_FEW: Final = "service, a few idle"
_MANY: Final = "service, many"


@dataclass
class _Setup:
    """A server with calls to load, and what it spends without that load."""

    server: Server
    pairs: list[Pair]
    standing_cpu: float = 0.0

    async def take(self, count: int, per_message: int) -> float:
        return await candidate_cpu(self.server, self.pairs, count, per_message, self.standing_cpu)


async def measure(bench: Bench) -> list[Figure]:
    """Return the cost of a candidate alone and in messages of ten, and beside a standing load."""
    async with AsyncExitStack() as stack:
        plan = bench.plan
        few = FEW_IDLE_DEVICES
        setups = {
            _RELAY: await stack.enter_async_context(_setup(bench, Kind.RELAY)),
            _SERVICE: await stack.enter_async_context(_setup(bench, Kind.SERVICE)),
            _FEW: await stack.enter_async_context(_setup(bench, Kind.SERVICE, few)),
            _MANY: await stack.enter_async_context(
                _setup(bench, Kind.SERVICE, plan.standing_idle_devices, plan.standing_calls)
            ),
        }
        many = setups[_MANY]
        many.standing_cpu = await _standing_cpu(bench, many.server)
        single = await bench.alternate("one by one", _takes(setups, plan.candidate_messages, 1))
        batched = await bench.alternate(
            "ten in a message",
            _takes(
                {name: setups[name] for name in (_RELAY, _SERVICE)},
                plan.candidate_messages // 2,
                CANDIDATES_PER_MESSAGE,
            ),
        )
    crowd = f"{plan.standing_idle_devices:,} idle + {plan.standing_calls:,} calls"
    return [
        _figure("one candidate a message", single[_SERVICE], _RELAY, single[_RELAY]),
        _figure("ten candidates a message", batched[_SERVICE], _RELAY, batched[_RELAY]),
        _figure(f"one, {few} idle devices", single[_FEW], _ALONE, single[_SERVICE]),
        _figure(f"one, {crowd}", single[_MANY], _ALONE, single[_SERVICE]),
        Figure(
            section=SECTION,
            name=f"nothing, {crowd}",
            unit="ms CPU a second",
            rounds=[many.standing_cpu * _MILLISECONDS],
        ),
    ]


@asynccontextmanager
async def _setup(
    bench: Bench, kind: Kind, idle_devices: int = 0, calls: int = 0
) -> AsyncIterator[_Setup]:
    with bench.server(kind) as server:
        bench.say(f"{kind}: opening {idle_devices:,} idle devices, {calls:,} live calls")
        async with (
            held(server, idle_devices=idle_devices, calls=calls),
            connected_pairs(server.address, CALLS_IN_PARALLEL, numbered=server.is_service) as pairs,
        ):
            yield _Setup(server, pairs)


async def _standing_cpu(bench: Bench, server: Server) -> float:
    """Return what a server spends on what it holds, in CPU seconds per second."""
    seconds = bench.plan.standing_watch_seconds
    bench.say(f"watching the silent streams for {seconds:.0f} s")
    spent = server.cpu_seconds()
    await asyncio.sleep(seconds)
    return (server.cpu_seconds() - spent) / seconds


def _takes(
    setups: dict[str, _Setup], count: int, per_message: int
) -> dict[str, Callable[[], Awaitable[float]]]:
    return {name: partial(setup.take, count, per_message) for name, setup in setups.items()}


def _figure(name: str, rounds: list[float], compared_with: str, compared: list[float]) -> Figure:
    return Figure(
        section=SECTION,
        name=name,
        unit=_UNIT,
        rounds=rounds,
        compared_with=compared_with,
        compared_rounds=compared,
    )
