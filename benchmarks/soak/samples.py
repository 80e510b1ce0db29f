"""What the service holds at one moment: memory, tasks, descriptors, and what it keeps."""

import asyncio
import time
import urllib.request
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.engine import Engine

HELD: Final = "signaling_memory_held"
_KIB: Final = 1024
_SECONDS_PER_MINUTE: Final = 60


@dataclass(frozen=True)
class Sample:
    """One look at the service."""

    at: float  # s; monotonic
    memory: float  # KiB resident
    tasks: int
    descriptors: int  # open files and sockets
    held: int  # calls and users, in its memory or as keys in the engine


Look = Callable[[], Awaitable[Sample]]


def looking(metrics: str, engine: Engine | None) -> Look:
    """Return how to take a sample: of the metrics at that address, and of the engine if any."""

    async def look() -> Sample:
        found = await asyncio.to_thread(_read, f"http://{metrics}/metrics")
        held = sum(found[HELD]) if engine is None else (await engine.holds()).left_behind
        return Sample(
            time.monotonic(),
            found["process_resident_memory_bytes"][0] / _KIB,
            int(found["signaling_event_loop_tasks"][0]),
            int(found["process_open_fds"][0]),
            int(held),
        )

    return look


def slope(samples: Sequence[Sample]) -> float:
    """Return how fast memory grows, in KiB a minute: least squares over the second half."""
    late = samples[len(samples) // 2 :]
    if len(late) < 2:  # noqa: PLR2004 - a line needs two points
        return 0.0
    at = sum(each.at for each in late) / len(late)
    memory = sum(each.memory for each in late) / len(late)
    spread = sum((each.at - at) ** 2 for each in late)
    return (
        sum((each.at - at) * (each.memory - memory) for each in late) / spread * _SECONDS_PER_MINUTE
    )


def _read(url: str) -> dict[str, list[float]]:
    """Return the values of every metric, whatever its labels."""
    with urllib.request.urlopen(url) as response:  # noqa: S310 - our own address
        text = str(response.read(), "utf-8")
    families = list(text_string_to_metric_families(text))
    return {family.name: [each.value for each in family.samples] for family in families}
