"""A soak can run, and can fail."""

from collections import Counter
from dataclasses import replace

import pytest
import typer
from typer.testing import CliRunner

from benchmarks.soak import __main__ as command
from benchmarks.soak.churn import Churn
from benchmarks.soak.run import Plan, Progress, Seen, problems, soak
from benchmarks.soak.samples import Sample, slope
from benchmarks.soak.stories import STORIES

REST = Sample(at=0.0, memory=50_000.0, tasks=8, descriptors=20, held=0)


async def test_nothing_is_left() -> None:
    """After some seconds of every kind of story the service is at rest as it was before."""
    plan = Plan(seconds=2.0, warm_up=1.0, window=1.5, interval=0.5, at_once=10)

    seen = await soak(plan, Progress())

    assert (seen.churn.failed, seen.complaints) == ([], Counter())
    assert set(seen.churn.told) <= {story.__name__ for story in STORIES}
    assert max(sample.held for sample in seen.samples) > seen.end.held == 0
    assert {"tasks", "descriptors", "held"}.isdisjoint(problems(seen.baseline, seen.end))


@pytest.mark.parametrize(
    ("end", "verdict"),
    [
        (replace(REST, tasks=9), {"tasks": "1 more"}),
        (replace(REST, descriptors=22), {"descriptors": "2 more"}),
        (replace(REST, held=1_500), {"held": "1,500 more"}),
        (replace(REST, memory=56_000.0), {"memory": "12% more"}),
        # a tenth of the memory may stay, and less of anything is fine
        (replace(REST, memory=54_900.0, tasks=7, descriptors=18), {}),
    ],
)
def test_what_is_left_is_found(end: Sample, verdict: dict[str, str]) -> None:
    """A task, a socket, a call or memory that stays behind has its line in the verdict."""
    assert problems(REST, end) == verdict


def test_slope_is_that_of_the_second_half() -> None:
    """What is allocated once, in the beginning, is not growth."""
    memory = [0.0, 40_000.0, 50_000.0, 50_000.0, 50_010.0, 50_020.0, 50_030.0]
    samples = [replace(REST, at=6.0 * at, memory=each) for at, each in enumerate(memory)]

    assert slope(samples) == pytest.approx(100.0)
    assert slope(samples[:1]) == 0.0


@pytest.mark.parametrize(("held", "exit_code"), [(0, 0), (3, 1)])
def test_command_says_it_within_80_columns(
    held: int, exit_code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stays behind ends the command with 1, and has its line in the table."""

    async def soaked(*_: object) -> Seen:
        churn = Churn("nowhere", at_once=1, seed=1)
        samples = [REST, replace(REST, tasks=9_999)]
        churn.told.update(answered=12_345, several_devices=1)
        return Seen(REST, replace(REST, held=held), samples, churn, Counter())

    monkeypatch.setattr(command, "soak", soaked)
    app = typer.Typer()
    app.command()(command.main)

    result = CliRunner().invoke(app, env={"COLUMNS": "80"})

    assert result.exit_code == exit_code
    assert ("3 more" in result.stdout) == bool(held)
    assert max(len(line) for line in result.stdout.splitlines()) <= 80
