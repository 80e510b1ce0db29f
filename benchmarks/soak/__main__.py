"""`python -m benchmarks.soak`: devices come and go for minutes; then nothing may be left."""

from enum import StrEnum
from typing import Annotated, Final

import typer
import uvloop
from rich import progress as bars
from rich.console import Console
from rich.table import Table

from benchmarks.soak.churn import Churn
from benchmarks.soak.run import MEMORY_TOLERANCE, Plan, Progress, Seen, problems, soak
from benchmarks.soak.samples import Sample, slope

_KIB: Final = 1024
_SHOWN_FAILURES: Final = 5


class Where(StrEnum):
    """Where calls live."""

    MEMORY = "memory"
    REDIS = "redis"


def main(
    *,
    minutes: Annotated[float, typer.Option(min=0.01, help="How long it goes on.")] = 5.0,
    backend: Annotated[Where, typer.Option(help="Where calls live.")] = Where.MEMORY,
    warm_up: Annotated[float, typer.Option(min=0.1, help="Seconds before the baseline.")] = 30.0,
    window: Annotated[float, typer.Option(min=1, help="Seconds until all is forgotten.")] = 3.0,
    seed: Annotated[int, typer.Option(help="Of what happens.")] = 1,
) -> None:
    """Let devices come and go and call in every way; exit 1 if anything of it is left."""
    plan = Plan(
        seconds=minutes * 60, backend=backend.value, warm_up=warm_up, window=window, seed=seed
    )
    console = Console()
    seen = _run(plan, console)
    left = problems(seen.baseline, seen.end)
    console.print(table(seen, left), stories(seen.churn))
    for failure in seen.churn.failed[:_SHOWN_FAILURES]:
        console.print(f"failed: {failure}", markup=False)
    for event, count in seen.complaints.items():
        console.print(f"logged by the service: {event}, {count:,} times")
    if left or seen.churn.failed or seen.complaints:
        raise typer.Exit(1)


def _run(plan: Plan, console: Console) -> Seen:
    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(bar_width=None),
        bars.TimeRemainingColumn(),
        bars.TextColumn("{task.fields[now]}"),
    )
    with bars.Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=plan.seconds, now="")

        def show(elapsed: float, sample: Sample, churn: Churn) -> None:
            told = churn.told.total()
            now = f"{told:,} stories, {sample.memory / _KIB:.1f} MiB, {sample.tasks} tasks"
            progress.update(task, completed=elapsed, now=now)

        say = Progress(lambda word: progress.update(task, description=word), show)
        return uvloop.run(soak(plan, say))


def table(seen: Seen, left: dict[str, str]) -> Table:
    """Return what the service held before and after, and what is wrong with that."""
    result = Table(title=f"memory: {slope(seen.samples):+,.0f} KiB a minute in the second half")
    result.add_column("the service at rest")
    for heading in ("before", "most", "after"):
        result.add_column(heading, justify="right")
    result.add_column("")
    names = {
        "memory": f"KiB resident, {MEMORY_TOLERANCE:.0%} more may stay",
        "tasks": "tasks of the event loop",
        "descriptors": "file descriptors",
        "held": "calls, users, keys",
    }
    for name, words in names.items():
        most = max((getattr(each, name) for each in seen.samples), default=0)
        values = (getattr(seen.baseline, name), most, getattr(seen.end, name))
        result.add_row(words, *(f"{value:,.0f}" for value in values), left.get(name, "ok"))
    return result


def stories(churn: Churn) -> Table:
    """Return how often each story was told."""
    result = Table(title=f"{churn.told.total():,} stories, {len(churn.failed)} failed")
    for heading in ("story", "", "story", ""):
        result.add_column(heading, justify="right" if not heading else "left")
    rows = [(name.replace("_", " "), f"{count:,}") for name, count in sorted(churn.told.items())]
    half = (len(rows) + 1) // 2
    for left, right in zip(rows[:half], [*rows[half:], ("", "")], strict=False):
        result.add_row(*left, *right)
    return result


if __name__ == "__main__":
    typer.run(main)
