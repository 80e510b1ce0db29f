"""Distributions, as Prometheus reads them."""

from prometheus_client.core import HistogramMetricFamily

from signaling_service.metrics.distribution import Distribution
from signaling_service.metrics.engine import EngineFigures
from signaling_service.metrics.families import of_engine


def test_bucket_has_what_is_at_most_its_bound() -> None:
    """A value on the bound is within; above the last there is one more."""
    distribution = Distribution((1, 2.5))
    for value in (0, 1, 1.1, 2.5, 2.6):
        distribution.observe(value)

    assert distribution.cumulated == [2, 4, 5]
    assert distribution.total == 0 + 1 + 1.1 + 2.5 + 2.6


def test_family_has_cumulative_buckets() -> None:
    """With the count of all, and their sum."""
    figures = EngineFigures(["step"])
    for seconds in (0.0004, 0.02, 3):
        figures.round_trips.observe(seconds)

    (family,) = [each for each in of_engine(figures) if isinstance(each, HistogramMetricFamily)]
    values = {(each.name, each.labels.get("le")): each.value for each in family.samples}

    name = "signaling_backend_round_trip_seconds"
    assert values[f"{name}_bucket", "0.0005"] == 1
    assert values[f"{name}_bucket", "0.025"] == 2
    assert values[f"{name}_bucket", "1.0"] == 2
    assert values[f"{name}_bucket", "+Inf"] == values[f"{name}_count", None] == 3
    assert values[f"{name}_sum", None] == 0.0004 + 0.02 + 3
