"""Prometheus' own tool reads the files for it, and plays the alerts."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.metrics.deployed import ALERTS, PROMETHEUS, Alert, alerts, shown

from .made_up_series import TROUBLES, WELL, Series

MINUTE = "1m"


def promtool(*arguments: str | Path) -> str:
    """Run it; it must find nothing wrong."""
    done = subprocess.run(
        ["promtool", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def write(path: Path, content: Any) -> Path:
    """Write a file for promtool: what is JSON is YAML, too."""
    path.write_text(json.dumps(content))
    return path


def play(directory: Path, series: Series, **expected: list[dict[str, Any]]) -> None:
    """Play series by the rules; what comes of it has to be as expected."""
    test = {
        "interval": MINUTE,
        "input_series": [{"series": name, "values": goes} for name, goes in series.items()],
        **expected,
    }
    plan = {"rule_files": [str(ALERTS)], "evaluation_interval": MINUTE, "tests": [test]}
    promtool("test", "rules", write(directory / "plan.yaml", plan))


def test_alerts_and_configuration_are_valid() -> None:
    """All rules are read; the configuration finds their file."""
    assert f"{len(alerts())} rules found" in promtool("check", "rules", ALERTS)
    promtool("check", "config", PROMETHEUS)


def test_queries_of_the_dashboard_are_valid(tmp_path: Path) -> None:
    """Each parses, with Grafana's variables filled in."""
    queries = [query.replace("$__rate_interval", "5m") for query, _ in shown()]
    rules = [{"record": f"query:{n}", "expr": query} for n, query in enumerate(queries)]
    rules_file = write(tmp_path / "rules.yaml", {"groups": [{"name": "board", "rules": rules}]})

    assert f"{len(queries)} rules found" in promtool("check", "rules", rules_file)


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
def test_alert_fires(alert: Alert, tmp_path: Path) -> None:
    """When what it is about has gone on for long enough."""
    trouble = TROUBLES[alert.name]
    told = f'alertname="{alert.name}",alertstate="firing"'
    whole = ",".join(filter(None, (told, f'severity="{alert.severity}"', trouble.labels)))
    fires = {
        "expr": f"ALERTS{{{told}}}",
        "eval_time": f"{trouble.minutes}m",
        "exp_samples": [{"labels": f"ALERTS{{{whole}}}", "value": 1}],
    }

    play(tmp_path, trouble.series, promql_expr_test=[fires])


def test_nothing_fires_while_all_is_well(tmp_path: Path) -> None:
    """On a day like any other."""
    quiet = [{"eval_time": "50m", "alertname": each.name, "exp_alerts": []} for each in alerts()]

    play(tmp_path, WELL, alert_rule_test=quiet)
