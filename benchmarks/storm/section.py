"""How a storm and a drain went, in figures."""

from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from statistics import quantiles
from typing import Final

from benchmarks.bench import Bench
from benchmarks.engine import running_engine
from benchmarks.figures import Figure
from benchmarks.servers import NO_SETTINGS, BenchmarkError, Kind
from benchmarks.storm.run import Amounts, Drain, Seen, Storm, run

SECTION: Final = "storm"
_BACKENDS: Final = ("memory", "redis")
_PERCENTILES: Final = (50, 99)
_MILLISECONDS: Final = 1e3


async def measure(bench: Bench) -> list[Figure]:
    """Return how long it takes until all are back, and what calls take meanwhile.

    Raises:
        BenchmarkError: a session, a call or a message was lost.

    """
    figures = []
    for backend in _BACKENDS:
        bench.say(f"storm: {bench.plan.storm_devices:,} devices, {backend}")
        figures += _figures(backend, bench.plan.storm_devices, await _seen(bench, backend))
    return figures


async def _seen(bench: Bench, backend: str) -> Seen:
    plan = bench.plan
    amounts = Amounts(plan.storm_devices, plan.storms, plan.storm_pairs, plan.storm_quiet_seconds)
    async with AsyncExitStack() as stack:
        settings = NO_SETTINGS
        if backend == "redis":
            engine = await stack.enter_async_context(running_engine(bench.server_core))
            settings = {"SIGNALING_BACKEND": engine.url}
        server = stack.enter_context(bench.server(Kind.SERVICE, settings))
        seen = await run(server, amounts)
    if any(storm.resumed != plan.storm_devices for storm in seen.storms):
        raise BenchmarkError("sessions were lost in a storm")
    return seen


def _figures(backend: str, devices: int, seen: Seen) -> list[Figure]:
    return [
        _figure(f"{backend}: {devices:,} back", "s", [each.seconds for each in seen.storms]),
        _figure(f"{backend}: hellos tried again", "a storm", _tried_again(seen.storms)),
        *_setups(backend, seen),
        *_drained(backend, seen.drain),
    ]


def _setups(backend: str, seen: Seen) -> list[Figure]:
    """Return the set-up times of the calls beside; storms are taken together."""
    meanwhile = [took for storm in seen.storms for took in storm.setups]
    return [
        Figure(
            section=SECTION,
            name=f"{backend}: a call meanwhile, p{percent}",
            unit="ms",
            rounds=[_percentile(meanwhile, percent)],
            compared_with="quiet",
            compared_rounds=[_percentile(seen.quiet, percent)],
        )
        for percent in _PERCENTILES
    ]


def _drained(backend: str, drain: Drain) -> list[Figure]:
    """Return how a drain went, and how evenly the waits lie: quarters of the last one."""
    if drain.exit_code or set(drain.statuses) != {"OK"}:
        raise BenchmarkError(f"drained with {drain.exit_code}, streams ended {drain.statuses}")
    waits = dict(zip((25, 50, 75), quantiles(drain.waits, n=4), strict=True))
    return [
        _figure(f"{backend}: drained, all told after", "s", [drain.told]),
        *(_figure(f"{backend}: waits, p{each}", "s", [wait]) for each, wait in waits.items()),
        _figure(f"{backend}: waits, the longest", "s", [max(drain.waits)]),
        _figure(f"{backend}: drained, exited after", "s", [drain.exited]),
    ]


def _tried_again(storms: Sequence[Storm]) -> list[float]:
    return [float(Counter.total(storm.refused)) for storm in storms]


def _figure(name: str, unit: str, rounds: Sequence[float]) -> Figure:
    return Figure(section=SECTION, name=name, unit=unit, rounds=rounds)


def _percentile(seconds: Sequence[float], percent: int) -> float:
    return quantiles(seconds, n=100, method="inclusive")[percent - 1] * _MILLISECONDS
