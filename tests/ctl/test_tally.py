"""What a load generator counts."""

import io

import pytest
from rich.console import Console

from signaling_service.ctl.tally import Tally, percentile


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_percentiles_are_values_that_were_measured(share: float, value: int) -> None:
    """The nearest rank: nothing between two values is made up."""
    assert percentile(list(range(100, 0, -1)), share) == value


def test_the_table() -> None:
    """It says how many calls went well, how fast, and why the others did not."""
    tally = Tally(begun=4, set_up=[0.002, 0.004], connected=[0.01], completed=1, elapsed=2.0)
    tally.failures["NO_ANSWER"] += 2
    screen = io.StringIO()

    Console(file=screen, width=80).print(tally.table())

    rows = [line.split() for line in screen.getvalue().splitlines()]
    assert rows[:5] == [
        ["calls", "4", "in", "2.0", "s"],
        ["calls/s", "2.0"],
        ["completed", "1"],
        ["failed", "2"],
        ["under", "way", "1", "they", "were", "not", "waited", "for"],
    ]
    assert rows[-2:] == [["FAILURES", "REASON"], ["2", "NO_ANSWER"]]


def test_nothing_was_measured() -> None:
    """Figures that there are not are none, and a run without a call has failed."""
    tally = Tally()

    assert tally.record()["setUpP50Seconds"] is None
    assert tally.has_failed
