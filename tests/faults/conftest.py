"""Tables of what the fault runs have counted, when they are asked for by name."""

from collections.abc import Callable, Iterator

import pytest

from tests.faults.report import ROWS, Row, table

PROPERTY = "fault run"


@pytest.fixture(autouse=True)
def _keep_rows(record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Let the summary have what a test has counted, whatever process it ran in."""
    yield
    for row in ROWS:
        record_property(PROPERTY, [row.seed, row.fault, dict(row.counts)])
    ROWS.clear()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line for each run."""
    reports = [*terminalreporter.stats.get("passed", []), *terminalreporter.stats.get("failed", [])]
    values = [
        value for report in reports for name, value in report.user_properties if name == PROPERTY
    ]
    if values:
        terminalreporter.write_line(table([Row(*value) for value in values]))
