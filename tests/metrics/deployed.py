"""The files for Prometheus and Grafana, read without a library for YAML."""

import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
ALERTS: Final = ROOT / "deploy/prometheus/alerts.yaml"
PROMETHEUS: Final = ROOT / "deploy/prometheus/prometheus.yaml"
DASHBOARD: Final = ROOT / "deploy/grafana/signaling.json"
PAGES: Final = ROOT / "docs/alerts"


class Alert(NamedTuple):
    """An alert of the rules' file."""

    name: str
    query: str
    lasts: str  # how long it has to be so
    severity: str
    summary: str
    description: str
    page: str


def alerts() -> list[Alert]:
    """Every alert."""
    _, *rules = re.split(r"^ +- alert: ", ALERTS.read_text(), flags=re.MULTILINE)
    fields = ("expr", "for", "severity", "summary", "description", "runbook_url")
    return [
        Alert(rule.partition("\n")[0], *(_field(rule, each) for each in fields)) for rule in rules
    ]


def _field(rule: str, name: str) -> str:
    """A value on the line of its key, or the block that is indented below."""
    found = re.search(rf"^( +){name}: (.*)\n((?:\1 .*\n)*)", rule, re.MULTILINE)
    assert found is not None, f"{name} of {rule}"
    _, line, block = found.groups()
    if line not in ("|", ">-"):
        assert not block, rule
        return line.strip("'")
    text = textwrap.dedent(block).rstrip("\n")
    return text if line == "|" else text.replace("\n", " ")


def dashboard() -> dict[str, Any]:
    """The dashboard."""
    loaded: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return loaded


def panels() -> Iterator[dict[str, Any]]:
    """Its panels that show something."""
    return (each for each in dashboard()["panels"] if each["type"] != "row")


def shown() -> Iterator[tuple[str, str]]:
    """Its queries, each with the legend."""
    for panel in panels():
        for target in panel["targets"]:
            yield target["expr"], target["legendFormat"]
