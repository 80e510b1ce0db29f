"""The guard against secrets that get out: a test that lets one out fails."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.canaries import CANARY

ROOT: Final = Path(__file__).parents[1]

LEAKS: Final = {
    "a log line": 'structlog.get_logger().info("it", sdp=canaries.CANARY)',
    "a captured log line": """
    with structlog.testing.capture_logs():
        structlog.get_logger().info("it", sdp=canaries.CANARY)""",
    "standard logging": 'logging.getLogger("it").warning(canaries.CANARY)',
    "standard error": "print(canaries.CANARY, file=sys.stderr)",
    "a planted session id": 'canaries.plant("session-1"); print("resumed session-1")',
    "what a service said": 'canaries.watch("an error", canaries.CANARY)',
}


def run(tmp_path: Path, line: str) -> subprocess.CompletedProcess[str]:
    """Run a test of this one line."""
    file = tmp_path / "test_it.py"
    modules = (
        "import logging, sys\nimport structlog, structlog.testing\nfrom tests import canaries\n"
    )
    file.write_text(f"{modules}def test_it():\n    {line}\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.canaries", "--rootdir", tmp_path, file],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("line", LEAKS.values(), ids=LEAKS.keys())
def test_a_leak_fails_its_test(tmp_path: Path, line: str) -> None:
    """Wherever it gets out."""
    ran = run(tmp_path, line)

    assert ran.returncode == 1
    assert "tells a secret" in ran.stdout


def test_others_pass(tmp_path: Path) -> None:
    """And whoever keeps its secrets does not notice the guard."""
    assert run(tmp_path, 'print("all is well")').returncode == 0
    assert CANARY not in ROOT.name
