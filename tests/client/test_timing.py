"""How long a client waits before it connects again."""

from signaling_service.client import Timing


def test_the_bound_doubles_up_to_thirty_seconds() -> None:
    """Each wait is drawn between nothing and a bound that doubles with every failure."""
    drawn: list[tuple[float, float]] = []

    def uniform(least: float, most: float) -> float:
        drawn.append((least, most))
        return most

    timing = Timing(uniform=uniform)
    waits = [timing.backoff(failures) for failures in range(9)]

    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert {least for least, _most in drawn} == {0.0}


def test_many_failures_are_no_problem() -> None:
    """A device that was offline for a week still knows how long to wait."""
    assert 0 <= Timing().backoff(100_000) <= 30


def test_who_was_refused_together_does_not_come_together() -> None:
    """A wait that the service asks for is drawn between that and twice as much."""
    drawn: list[tuple[float, float]] = []

    def uniform(least: float, most: float) -> float:
        drawn.append((least, most))
        return least

    assert Timing(uniform=uniform).spread(1.5) == 1.5
    assert drawn == [(1.5, 3.0)]
