"""The browser's client: its types, its stubs, and its own tests, which call at a real service."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from .network import Network
from .service_process import client_environment

ROOT: Final = Path(__file__).parents[2]
CLIENT: Final = ROOT / "clients" / "web"
GENERATED: Final = Path("src", "gen", "signaling", "v1", "signaling_pb.ts")
TIMEOUT: Final = 180.0  # s, all tests of one file, on a busy machine
TEST_FILES: Final = tuple(sorted(path.stem for path in (CLIENT / "test").glob("*.test.ts")))


def npm(*arguments: str) -> str:
    """What a script of the package prints."""
    program = shutil.which("npm")
    assert program is not None, "no npm: run scripts/install-e2e.sh"
    return _run(Network(), program, "--silent", *arguments)


def _run(network: Network, *command: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # buf is there
    service = {"SIGNALING_COMMAND": f"{sys.executable} -m signaling_service"}
    finished = subprocess.run(
        network.command(*command),
        cwd=CLIENT,
        env=client_environment() | {"PATH": path} | service,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=TIMEOUT,
        check=False,
        text=True,
    )
    assert finished.returncode == 0, finished.stdout
    return finished.stdout


@pytest.fixture(scope="module")
def compiled() -> Path:
    """Its tests, as JavaScript."""
    npm("run", "pretest")
    return CLIENT / "build" / "test"


def test_types_and_format_are_right() -> None:
    """It is strict TypeScript throughout, and formatted."""
    npm("run", "check")


def test_stubs_are_current(tmp_path: Path) -> None:
    """What is committed is what the protos generate."""
    npm("run", "generate", "--", "--output", str(tmp_path))

    assert (tmp_path / GENERATED).read_text() == (CLIENT / GENERATED).read_text()


def test_the_package_has_what_apps_import() -> None:
    """A packed client is compiled, with its types, and nothing of the tests is in it."""
    packed = npm("pack", "--dry-run", "--json")

    assert '"path": "dist/index.js"' in packed
    assert '"path": "dist/index.d.ts"' in packed
    assert '"path": "test/' not in packed


@pytest.mark.parametrize("name", TEST_FILES)
def test_it_does_what_its_own_tests_claim(
    name: str, compiled: Path, peer_network: Network, figures: list[str]
) -> None:
    """Every test of a file passes; those of peers run in a network where ICE finds addresses."""
    node = shutil.which("node")
    assert node is not None, "no Node.js: run scripts/install-e2e.sh"

    told = _run(peer_network, node, "--test", str(compiled / f"{name}.js"))

    claims = re.findall(r"^ok \d+ - (.*)$", told, re.MULTILINE)
    assert claims, told
    figures.append(f"clients/web {name}: {len(claims)} passed")
