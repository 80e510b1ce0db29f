"""What lies in the engine, for how long, and what is asked of it while nobody says anything."""

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Final

from benchmarks.bench import Bench
from benchmarks.cluster.meter import Meter, Spent
from benchmarks.engine import Engine, Holding, running_engine
from benchmarks.figures import Figure
from benchmarks.holder import held
from benchmarks.pairs import open_pairs
from benchmarks.plan import CALLS_IN_PARALLEL
from benchmarks.rounds import call_cpu
from benchmarks.servers import Kind

_MEMORY_SECONDS: Final = "5"  # of ended calls and lost sessions: then all of it has to be gone
_SETTLE_SECONDS: Final = 3.0
_FORGET_TIMEOUT: Final = 120.0  # s; what is there then stays
_POLL_INTERVAL: Final = 0.5
_SENT: Final = ("evalsha", "blmpop")  # by nodes; the other commands run inside scripts
_CALL: Final = "c"
_BYTES: Final = "bytes in the engine"
_KIB: Final = 1024
_MILLISECONDS: Final = 1e3


@dataclass(frozen=True)
class _Seen:
    """The engine at each stage; `silent` is a second of idle devices.

    At `empty` it has had devices and calls before: what it allocates once is not theirs.
    """

    ended: Holding
    empty: Holding
    idle: Holding
    silent: Spent
    live: Holding
    left: Holding


async def measure(bench: Bench, section: str) -> list[Figure]:
    """Return keys, memory and commands for idle devices and calls, and what is left of them."""
    seen = await _watch(bench)
    devices, calls = bench.plan.cluster_idle_devices, bench.plan.cluster_calls
    figures = _Figures(section)
    figures.add_share("an idle device", _share(seen.idle, seen.empty, devices))
    figures.add_share("a live call and its two devices", _share(seen.live, seen.idle, calls))
    ended = seen.ended.key_bytes[_CALL] / seen.ended.keys[_CALL]
    figures.add("a call that has ended, while it is remembered", _BYTES, ended)
    figures.add("when all of it is over", "keys left", seen.left.left_behind)
    memory = (seen.left.used_memory - seen.empty.used_memory) / _KIB
    figures.add("when all of it is over", "KiB more than before", memory)
    figures.add_silence(f"{devices:,} idle devices", seen.silent, devices)
    return figures.all


async def _watch(bench: Bench) -> _Seen:
    """Fill an engine, look at it, and let it forget."""
    plan = bench.plan
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(running_engine(bench.server_core))
        memory = {
            "SIGNALING_BACKEND": engine.url,
            "SIGNALING_LIMIT_ENDED_CALL_SECONDS": _MEMORY_SECONDS,
            "SIGNALING_RESUME_WINDOW": _MEMORY_SECONDS,
        }
        node = stack.enter_context(bench.server(Kind.SERVICE, memory))
        bench.say("cluster: calls that end")
        async with open_pairs(node.address, CALLS_IN_PARALLEL, numbered=True) as pairs:
            await call_cpu(node, pairs, plan.calls_per_pair, 1)
            ended = await engine.holds()
        empty = await _forgotten(engine)
        bench.say(f"cluster: opening {plan.cluster_idle_devices:,} idle devices")
        async with held(node, idle_devices=plan.cluster_idle_devices):
            idle = await _settled(engine)
            bench.say(f"cluster: watching them for {plan.standing_watch_seconds:.0f} s")
            silent = await _silence(Meter([node], engine), plan.standing_watch_seconds)
            bench.say(f"cluster: {plan.cluster_calls:,} live calls")
            async with held(node, calls=plan.cluster_calls):
                live = await _settled(engine)
        bench.say("cluster: letting all of it be forgotten")
        return _Seen(ended, empty, idle, silent, live, await _forgotten(engine))


async def _settled(engine: Engine) -> Holding:
    await asyncio.sleep(_SETTLE_SECONDS)
    return await engine.holds()


async def _silence(meter: Meter, seconds: float) -> Spent:
    """Return what one second without a word costs."""
    before = await meter.read()
    await asyncio.sleep(seconds)
    spent = (await meter.read()).since(before)
    return spent.per(spent.seconds)


async def _forgotten(engine: Engine) -> Holding:
    """Wait until nothing is left of devices and calls, or nothing more goes; return what is."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_FORGET_TIMEOUT):
            while (await engine.holds()).left_behind:  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(_POLL_INTERVAL)
    return await _settled(engine)  # tables that are too large by now shrink a little later


@dataclass(frozen=True)
class _Share:
    """What one of many has brought: memory in use, bytes of keys, keys."""

    memory: float
    key_bytes: float
    keys: float


def _share(after: Holding, before: Holding, count: int) -> _Share:
    return _Share(
        (after.used_memory - before.used_memory) / count,
        (sum(after.key_bytes.values()) - sum(before.key_bytes.values())) / count,
        (sum(after.keys.values()) - sum(before.keys.values())) / count,
    )


class _Figures:
    """Figures of one round each."""

    def __init__(self, section: str) -> None:
        self._section = section
        self.all: list[Figure] = []

    def add(
        self, name: str, unit: str, value: float, beside: tuple[str, float] | None = None
    ) -> None:
        """Add a figure, `beside` a named one if there is one."""
        name_beside, value_beside = beside or (None, None)
        self.all.append(
            Figure(
                section=self._section,
                name=name,
                unit=unit,
                rounds=[value],
                compared_with=name_beside,
                compared_rounds=() if value_beside is None else [value_beside],
            )
        )

    def add_share(self, name: str, share: _Share) -> None:
        """Add memory, beside that which MEMORY USAGE says of the keys, and the keys."""
        self.add(name, _BYTES, share.memory, ("keys alone", share.key_bytes))
        self.add(name, "keys", share.keys)

    def add_silence(self, who: str, second: Spent, devices: int) -> None:
        """Add commands, by name, and CPU of a second in which nobody says anything."""
        sent = sum(second.command(name).calls for name in _SENT)
        self.add(f"{who}: sent by the node", "commands/s", sent)
        self.add(f"{who}: sent for each", "commands/s", sent / devices)
        for name, command in sorted(second.commands.items()):
            if command.calls:
                where = "" if name in _SENT else " in scripts"
                self.add(f"{who}: {name}{where}", "commands/s", command.calls)
        self.add(f"{who}: node", "ms CPU a second", second.nodes_cpu * _MILLISECONDS)
        self.add(f"{who}: engine", "ms CPU a second", second.engine_cpu * _MILLISECONDS)
