"""The container's image, as far as it can be tried without an engine for containers."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.deploy.files import ROOT, stages
from tests.test_cli import run
from tests.test_wheel import IMPORTS

BUILD, FINAL = stages()


def copied() -> list[str]:
    """What the image is built from: paths of this repository."""
    sources = [rest.split()[:-1] for word, rest in BUILD if word == "COPY"]
    return sorted({path for several in sources for path in several})


def told(word: str) -> list[str]:
    """What an instruction of the final stage says, wherever it stands."""
    return [rest for each, rest in FINAL if each == word]


def commands() -> list[list[str]]:
    """What runs in the container: by itself, and as its health check."""
    (check,) = told("HEALTHCHECK")
    (entrypoint,), (arguments,) = told("ENTRYPOINT"), told("CMD")
    return [json.loads(entrypoint) + json.loads(arguments), json.loads(check.partition("CMD ")[2])]


def test_what_is_copied_is_all_that_gets_in() -> None:
    """No secret, no history and no test is even sent to whoever builds it."""
    first, *others = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert first == "*"
    let_in = [line.removeprefix("!") for line in others if line.startswith("!")]

    assert sorted(let_in) == copied()
    assert all((ROOT / path).exists() for path in copied())


def test_what_is_copied_makes_the_wheel(tmp_path: Path) -> None:
    """Nothing that it needs is missing."""
    source, target = tmp_path / "src", tmp_path / "dist"
    source.mkdir()
    for name in copied():
        path = ROOT / name
        (shutil.copytree if path.is_dir() else shutil.copy)(path, source / name)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (wheel,) = target.glob("*.whl")

    subprocess.run([sys.executable, "-c", IMPORTS, str(wheel)], cwd=tmp_path, check=True)


def test_extra_exists() -> None:
    """The one that is installed, and needed for traces."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = re.findall(r"'\.\[([a-z]+)\]'", "".join(rest for _, rest in BUILD))

    assert extras == ["otel"]
    assert set(extras) <= set(project["optional-dependencies"])


def test_commands_exist() -> None:
    """The one that runs, and the one that asks whether it is well."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert commands() == [["signaling-service", "serve"], ["signaling-service", "health"]]
    for program, *arguments in commands():
        assert program in project["scripts"]
        assert run(*arguments, "--help").returncode == 0


def test_nobody_is_root_and_no_tool_is_left() -> None:
    """A user by number, and of the build stage only what it installed."""
    (user,) = told("USER")

    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)
    assert told("COPY") == ["--from=build /opt/signaling /opt/signaling"]
    assert told("RUN") == []
    assert "uninstall --yes pip setuptools" in BUILD[-1][1]
