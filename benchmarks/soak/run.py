"""A soak from its start to its verdict: warm up, rest, look, go on for long, rest, look again."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final

from benchmarks.engine import running_engine
from benchmarks.servers import Kind, running
from benchmarks.soak.churn import Churn
from benchmarks.soak.samples import Look, Sample, looking
from tests.valkey.ports import free_port

MEMORY_TOLERANCE: Final = 0.10  # of the baseline: an allocator keeps some of what it had
REST_TIMEOUT: Final = 60.0  # s; what is there then stays
_REST_INTERVAL: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long, on what, and how much at once; times in seconds."""

    seconds: float
    backend: str = "memory"  # or redis: an engine of its own
    warm_up: float = 30.0  # what is allocated once is no leak
    window: float = 3.0  # to resume, to ring, to remember an end: the service forgets in that time
    interval: float = 1.0  # between two samples
    at_once: int = 30
    seed: int = 1


@dataclass(frozen=True)
class Seen:
    """What a soak has seen."""

    baseline: Sample
    end: Sample
    samples: list[Sample]  # while it went on
    churn: Churn
    complaints: Counter[str]  # that the service has logged


@dataclass
class Progress:
    """What is told while it goes on: a word, and the last sample."""

    say: Callable[[str], None] = field(default=lambda _: None)
    show: Callable[[float, Sample, Churn], None] = field(default=lambda *_: None)


async def soak(plan: Plan, progress: Progress) -> Seen:
    """Let it go on as planned."""
    async with AsyncExitStack() as stack:
        metrics = f"127.0.0.1:{free_port()}"
        settings = {
            "SIGNALING_METRICS_LISTEN": metrics,
            "SIGNALING_RESUME_WINDOW": str(plan.window),
            "SIGNALING_RING_TIMEOUT": str(plan.window),
            "SIGNALING_LIMIT_ENDED_CALL_SECONDS": str(plan.window),
        }
        engine = None
        if plan.backend == "redis":
            engine = await stack.enter_async_context(running_engine(None))
            settings["SIGNALING_BACKEND"] = engine.url
        server = stack.enter_context(running(Kind.SERVICE, None, settings))
        churn = Churn(server.address, plan.at_once, plan.seed)
        look = looking(metrics, engine)
        progress.say("warming up")
        await churn.run(plan.warm_up)
        progress.say("resting")
        baseline = await _rest(look, None)
        progress.say("going on")
        samples = await _watch(churn, plan, look, progress)
        progress.say("resting")
        end = await _rest(look, baseline)
        return Seen(baseline, end, samples, churn, server.complaints())


def problems(baseline: Sample, end: Sample) -> dict[str, str]:
    """Return what has not come back to where it was, by the name of it: what is wrong."""
    found = {}
    for name in ("tasks", "descriptors", "held"):
        more = getattr(end, name) - getattr(baseline, name)
        if more > 0:
            found[name] = f"{more:,} more"
    growth = end.memory / baseline.memory - 1
    if growth > MEMORY_TOLERANCE:
        found["memory"] = f"{growth:.0%} more"
    return found


async def _watch(churn: Churn, plan: Plan, look: Look, progress: Progress) -> list[Sample]:
    samples: list[Sample] = []
    going_on = asyncio.create_task(churn.run(plan.seconds))
    while not going_on.done():
        samples.append(await look())
        progress.show(min((samples[-1].at - samples[0].at), plan.seconds), samples[-1], churn)
        await asyncio.wait([going_on], timeout=plan.interval)
    going_on.result()
    return samples


async def _rest(look: Look, before: Sample | None) -> Sample:
    """Wait until nothing is held and nothing goes any more, or all is as it was before."""
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + REST_TIMEOUT
    last = await look()
    while loop.time() < give_up_at:
        await asyncio.sleep(_REST_INTERVAL)
        sample = await look()
        is_still = (sample.tasks, sample.descriptors) == (last.tasks, last.descriptors)
        if not sample.held and (is_still if before is None else not problems(before, sample)):
            return sample
        last = sample
    return last
