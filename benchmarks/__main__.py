"""`python -m benchmarks`: measure, show, keep."""

import gc
import os
import resource
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer
import uvloop
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from benchmarks import calls, candidates, cluster, idle, latency, report, traces, transports
from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.plan import FULL, QUICK, Plan
from benchmarks.servers import cores
from benchmarks.storm import section as storm

_SECTIONS: Final[Mapping[str, Callable[[Bench], Awaitable[list[Figure]]]]] = {
    candidates.SECTION: candidates.measure,
    calls.SECTION: calls.measure,
    idle.SECTION: idle.measure,
    latency.SECTION: latency.measure,
    cluster.SECTION: cluster.measure,
    traces.SECTION: traces.measure,
    transports.SECTION: transports.measure,
    storm.SECTION: storm.measure,
}
_EVERYTHING: Final = ",".join(_SECTIONS)
_LATEST: Final = Path("benchmarks/results/latest.json")


def main(
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Smaller numbers, noisier figures.")
    ] = False,
    only: Annotated[str, typer.Option(help="Sections, separated by commas.")] = _EVERYTHING,
    devices: Annotated[int | None, typer.Option(help="How many come back in a storm.")] = None,
    out: Annotated[Path, typer.Option(help="Where the JSON goes.")] = _LATEST,
) -> None:
    """Measure the service beside a bare gRPC relay; print a table and write JSON."""
    sections = only.split(",")
    if unknown := sorted(set(sections) - set(_SECTIONS)):
        raise typer.BadParameter(f"no such section: {', '.join(unknown)}; there are {_EVERYTHING}")
    _raise_file_limit()
    plan = QUICK if quick else FULL
    if devices is not None:
        plan = replace(plan, storm_devices=devices)
    console = Console()
    figures = uvloop.run(_measure(plan, sections, console))
    console.print(report.table(figures))
    report.write(out, report.document(plan, figures))
    console.print(f"written to {out}")


async def _measure(plan: Plan, sections: Sequence[str], console: Console) -> list[Figure]:
    server_core, load_core = cores()
    if load_core is None:
        console.print("one core only: the load disturbs what it measures")
    else:
        os.sched_setaffinity(0, {load_core})
    gc.freeze()
    figures = []
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    # refreshed between measurements: a refreshing thread would be in the latencies
    with Progress(*columns, console=console, auto_refresh=False, transient=True) as progress:
        task = progress.add_task("")

        def say(what: str) -> None:
            progress.update(task, description=what)
            progress.refresh()

        for name in sections:
            figures += await _SECTIONS[name](Bench(plan, server_core, say))
    return figures


def _raise_file_limit() -> None:
    """Allow as many connections as the system lets one process have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    typer.run(main)
