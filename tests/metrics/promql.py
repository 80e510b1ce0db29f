"""What a query in PromQL names, as far as plain Python can tell."""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from tests.metrics.scrape import Series

# what Prometheus adds to whatever it scrapes, and its own metric of that
TARGET_LABELS: Final = {"instance", "job"}
UP: Final = "up"
WORDS: Final = {
    *("absent", "and", "by", "count", "histogram_quantile", "increase", "max", "offset"),
    *("on", "or", "rate", "resets", "scalar", "sum"),
}
_SELECTOR: Final = re.compile(r"(?<![\w$])([a-z_]\w*)(?:\{([^}]*)\})?")
_MATCHER: Final = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_GROUPING: Final = re.compile(r"\b(?:by|on) \(([^)]*)\)")
_NOISE: Final = re.compile(r"\[[^\]]*\]|\b\d[\w.]*")  # ranges and numbers


class Matcher(NamedTuple):
    """A condition on a label of a metric."""

    metric: str
    label: str
    values: frozenset[str]  # none where a dashboard's variable says them


def metrics_of(query: str) -> set[str]:
    """The metrics it names; every word that PromQL does not know is one."""
    text = _GROUPING.sub("", _NOISE.sub("", query))
    return {name for name, _ in _SELECTOR.findall(text)} - WORDS


def matchers_of(query: str) -> Iterator[Matcher]:
    """The conditions in braces."""
    for metric, matchers in _SELECTOR.findall(query):
        for label, operator, value in _MATCHER.findall(matchers):
            several = value.split("|") if "~" in operator else [value]
            yield Matcher(metric, label, frozenset(each for each in several if each[:1] != "$"))


def groupings_of(query: str) -> set[str]:
    """The labels that it sums by, or joins on."""
    found = _GROUPING.findall(query)
    return {label.strip() for labels in found for label in labels.split(",")}


def values_of(series: Mapping[Series, float], metric: str, label: str) -> set[str]:
    """The values that a label of a metric has."""
    return {
        dict(labels)[label] for name, labels in series if name == metric and label in dict(labels)
    }


def labels_of(series: Mapping[Series, float], metric: str) -> set[str]:
    """The labels of a metric, those of its target with them."""
    return {key for name, labels in series if name == metric for key, _ in labels} | TARGET_LABELS


def mistakes(query: str, series: Mapping[Series, float]) -> list[str]:
    """What it names that no node has."""
    metrics = metrics_of(query)
    known = {name for name, _ in series} | {UP}
    wrong = sorted(metrics - known)
    grouped = groupings_of(query)
    wrong += sorted(grouped - {one for each in metrics for one in labels_of(series, each)})
    for matcher in matchers_of(query):
        if matcher.label in TARGET_LABELS:
            continue
        values = values_of(series, matcher.metric, matcher.label)
        wrong += [f"{matcher.label}={one}" for one in sorted(matcher.values - values)]
    return wrong
