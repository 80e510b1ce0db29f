"""What a candidate costs over a shared engine, at one node and from one node to another."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from statistics import quantiles
from typing import Final

from benchmarks.bench import Bench
from benchmarks.cluster.meter import Meter, Spent
from benchmarks.engine import running_engine
from benchmarks.figures import Figure
from benchmarks.pairs import Pair, connected_pairs
from benchmarks.plan import (
    CALLS_IN_PARALLEL,
    CANDIDATES_PER_MESSAGE,
    LATENCY_MESSAGES_PER_SECOND,
)
from benchmarks.rounds import MICROSECONDS, flood, latencies
from benchmarks.servers import NO_SETTINGS, Kind

_RELAY: Final = "relay"
_MEMORY: Final = "memory"
_ONE: Final = "one node"
_TWO: Final = "two nodes"  # every call has its caller at one and its callee at the other
_NODES: Final[Mapping[str, int]] = {_RELAY: 1, _MEMORY: 1, _ONE: 1, _TWO: 2}
_SHARED: Final = (_ONE, _TWO)
_EVEN: Final = f"one at {LATENCY_MESSAGES_PER_SECOND}/s"
_BOTH: Final = "one, both ways at once"
_CPU: Final = "µs CPU a candidate"
_PERCENTILES: Final = (50, 99)


@dataclass(frozen=True)
class _Take:
    """One message of a round; `requests` counts the bare acks of devices as well."""

    spent: Spent
    requests: float
    latencies: Sequence[float] = ()


@dataclass(frozen=True)
class _Setup:
    """Nodes, with calls to load."""

    meter: Meter
    pairs: Sequence[Pair]

    async def flood(self, count: int, per_message: int, *, both_ways: bool = False) -> _Take:
        """Send `count` messages as fast as the load can."""
        acks, before = self._bare_acks(), await self.meter.read()
        count = await flood(self.pairs, count, per_message, both_ways=both_ways)
        spent = (await self.meter.read()).since(before)
        return _Take(spent.per(count), 1 + (self._bare_acks() - acks) / count)

    async def pace(self, seconds: float) -> _Take:
        """Send messages one by one, evenly spaced."""
        acks, before = self._bare_acks(), await self.meter.read()
        taken = await latencies(self.pairs, seconds)
        spent = (await self.meter.read()).since(before)
        requests = 1 + (self._bare_acks() - acks) / len(taken)
        return _Take(spent.per(len(taken)), requests, taken)

    def _bare_acks(self) -> int:
        return sum(pair.caller.bare_acks + pair.callee.bare_acks for pair in self.pairs)


async def measure(bench: Bench, section: str) -> list[Figure]:
    """Return what a candidate costs, in the same rounds as without the engine."""
    plan, figures = bench.plan, []
    async with AsyncExitStack() as stack:
        setups = {name: await stack.enter_async_context(_setup(bench, name)) for name in _NODES}
        for how, count, per_message in (
            ("one", plan.cluster_messages, 1),
            ("ten", plan.cluster_messages // 2, CANDIDATES_PER_MESSAGE),
        ):
            floods = {
                name: partial(setup.flood, count, per_message) for name, setup in setups.items()
            }
            taken = _Figures(section, how, await bench.alternate(f"cluster, {how}", floods))
            figures += [*taken.cpu(per_message), *taken.commands(), *taken.speed()]
        both = {
            name: partial(setups[name].flood, plan.cluster_messages, 1, both_ways=True)
            for name in _SHARED
        }
        taken = _Figures(section, _BOTH, await bench.alternate(f"cluster, {_BOTH}", both))
        figures += taken.commands()
        seconds = plan.latency_seconds / 2  # there are twice as many setups as for latency alone
        paces = {name: partial(setup.pace, seconds) for name, setup in setups.items()}
        taken = _Figures(section, _EVEN, await bench.alternate(f"cluster, {_EVEN}", paces))
        figures += [*taken.cpu(1), *taken.commands(), *taken.latency()]
    return figures


@asynccontextmanager
async def _setup(bench: Bench, name: str) -> AsyncIterator[_Setup]:
    async with AsyncExitStack() as stack:
        engine = None
        if name in _SHARED:
            engine = await stack.enter_async_context(running_engine(bench.server_core))
        settings = NO_SETTINGS if engine is None else {"SIGNALING_BACKEND": engine.url}
        kind = Kind.RELAY if name == _RELAY else Kind.SERVICE
        nodes = [stack.enter_context(bench.server(kind, settings)) for _ in range(_NODES[name])]
        calls = connected_pairs(
            nodes[0].address,
            CALLS_IN_PARALLEL,
            numbered=nodes[0].is_service,
            callee_address=nodes[-1].address,
        )
        yield _Setup(Meter(nodes, engine), await stack.enter_async_context(calls))


class _Figures:
    """The rounds of every set-up as figures."""

    def __init__(self, section: str, how: str, taken: Mapping[str, Sequence[_Take]]) -> None:
        self._section = section
        self._how = how
        self._taken = taken

    def cpu(self, per_message: int) -> list[Figure]:
        """Return what a candidate costs the nodes and the engine."""

        def both(take: _Take) -> float:
            return take.spent.cpu / per_message * MICROSECONDS

        def nodes(take: _Take) -> float:
            return take.spent.nodes_cpu / per_message * MICROSECONDS

        def engine(take: _Take) -> float:
            return take.spent.engine_cpu / per_message * MICROSECONDS

        return [
            self._figure("node + engine", _CPU, both, _ONE, _RELAY),
            self._figure("node + engine", _CPU, both, _ONE, _MEMORY),
            self._figure("node", _CPU, nodes, _ONE, _MEMORY),
            self._figure("engine", _CPU, engine, _ONE),
            self._figure("nodes + engine", _CPU, both, _TWO, _ONE),
            self._figure("nodes", _CPU, nodes, _TWO, _ONE),
            self._figure("engine", _CPU, engine, _TWO, _ONE),
        ]

    def commands(self) -> list[Figure]:
        """Return what a message asks of the engine, and for how long."""

        def scripts(take: _Take) -> float:
            return take.spent.scripts.calls

        def scripts_of_request(take: _Take) -> float:
            return take.spent.scripts.calls / take.requests

        def time_in_script(take: _Take) -> float:
            return take.spent.scripts.usec / take.spent.scripts.calls

        def fetches(take: _Take) -> float:
            return take.spent.command("blmpop").calls

        return [
            self._figure("EVALSHA", "a message", scripts, _TWO, _ONE),
            self._figure("EVALSHA", "a request, acks counted", scripts_of_request, _TWO, _ONE),
            self._figure("BLMPOP for hints", "a message", fetches, _TWO),
            self._figure("an EVALSHA", "µs in the engine", time_in_script, _TWO, _ONE),
        ]

    def speed(self) -> list[Figure]:
        """Return how many messages passed while nodes and engine shared a core."""

        def per_second(take: _Take) -> float:
            return 1 / take.spent.seconds

        return [
            self._figure("all on one core", "messages/s", per_second, _ONE, _MEMORY),
            self._figure("all on one core", "messages/s", per_second, _TWO, _ONE),
        ]

    def latency(self) -> list[Figure]:
        """Return how long a message takes from device to device."""
        return [
            self._figure(f"p{percent} one way", "µs", partial(_percentile, percent), of, beside)
            for percent in _PERCENTILES
            for of, beside in ((_ONE, _MEMORY), (_TWO, _ONE))
        ]

    def _figure(
        self,
        name: str,
        unit: str,
        value: Callable[[_Take], float],
        of: str,
        beside: str | None = None,
    ) -> Figure:
        return Figure(
            section=self._section,
            name=f"{self._how}, {of}: {name}",
            unit=unit,
            rounds=[value(take) for take in self._taken[of]],
            compared_with=beside,
            compared_rounds=[value(take) for take in self._taken[beside]] if beside else (),
        )


def _percentile(percent: int, take: _Take) -> float:
    return quantiles(take.latencies, n=100, method="inclusive")[percent - 1] * MICROSECONDS
