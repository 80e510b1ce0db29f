"""Audit every dependency that is installed, by what OSV or else PyPI knows of vulnerabilities.

    python -m scripts.audit [--osv-url URL]

pip-audit does it, in an environment of its own that is gone afterwards. Where a service does
not know a package, as a mirror of PyPI knows none, pip-audit says that nothing was found. Here
only what was looked up counts: 0, every dependency was, and none has a known vulnerability;
1, some have; 2, some or all could not be looked up.
"""

import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

PIP_AUDIT: Final = "pip-audit>=2.10,<3"
SERVICES: Final = ("osv", "pypi")
PIP: Final = ("pip", "--quiet", "--disable-pip-version-check")
CLEAN, VULNERABLE, NOT_AUDITED = range(3)  # how it ends


class Verdict(NamedTuple):
    """What came of an audit: what was found, and what could not be looked up."""

    found: Sequence[str]
    unknown: Sequence[str]

    @property
    def status(self) -> int:
        """How the program ends."""
        if self.found:
            return VULNERABLE
        return NOT_AUDITED if self.unknown else CLEAN


def judge(report: Mapping[str, Any], pinned: Sequence[str]) -> Verdict:
    """Judge the JSON of pip-audit over requirements, each `name==version`."""
    found, audited = [], set()
    for dependency in report["dependencies"]:
        name = _canonical(dependency["name"])
        if "vulns" not in dependency:
            continue  # it was skipped, whatever the reason
        audited.add(name)
        for vulnerability in dependency["vulns"]:
            fixes = ", ".join(vulnerability["fix_versions"]) or "nothing"
            at = f"{name} {dependency['version']}"
            found.append(f"{at}: {vulnerability['id']}, fixed in {fixes}")
    names = [_canonical(line.partition("==")[0].partition(" @ ")[0]) for line in pinned]
    return Verdict(found, [name for name in names if name not in audited])


def installed() -> list[str]:
    """What this environment has, but for the project itself."""
    command = [sys.executable, "-m", *PIP, "freeze", "--exclude-editable"]
    return _run(command).stdout.splitlines()


def audit(pinned: Sequence[str], options: Sequence[str]) -> Verdict:
    """Ask one service after the other, until one knows every package."""
    verdict = Verdict((), pinned)
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        python = _environment(place / "venv")
        (place / "pinned.txt").write_text("".join(f"{line}\n" for line in pinned if "==" in line))
        for service in SERVICES:
            verdict = _ask(service, [str(python), "-m", "pip_audit", *options], pinned, place)
            if verdict.found or not verdict.unknown:
                break
    return verdict


def _ask(service: str, command: list[str], pinned: Sequence[str], place: Path) -> Verdict:
    output = place / f"{service}.json"
    arguments = ("--vulnerability-service", service, "--requirement", str(place / "pinned.txt"))
    quiet = ("--no-deps", "--disable-pip", "--progress-spinner", "off")
    json_to = ("--format", "json", "--output", str(output))
    run = _run([*command, *arguments, *quiet, *json_to], check=False)
    if not output.exists():  # it ended in the middle
        reason = (run.stderr.strip().splitlines() or ["no reason given"])[-1]
        _say(f"{service}: cannot be asked: {reason}")
        return Verdict((), pinned)
    verdict = judge(json.loads(output.read_text()), pinned)
    _say(f"{service}: looked up {len(pinned) - len(verdict.unknown)} of {len(pinned)} packages")
    return verdict


def _environment(where: Path) -> Path:
    """A new environment with pip-audit; returns its interpreter."""
    venv.create(where, with_pip=True, symlinks=True)
    python = where / "bin" / "python"
    _run([str(python), "-m", *PIP, "install", PIP_AUDIT])
    return python


def _run(command: Sequence[str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - nothing in it comes from outside
        command, check=check, capture_output=True, text=True
    )


def _canonical(name: str) -> str:
    """PEP 503."""
    return name.strip().lower().replace("_", "-").replace(".", "-")


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def main(options: Sequence[str]) -> int:
    """Audit, and say what came of it; returns how the program is to end."""
    pinned = installed()
    verdict = audit(pinned, options)
    for line in verdict.found:
        _say(f"vulnerable: {line}")
    if verdict.unknown:
        _say(f"NOT AUDITED, no service knew them: {', '.join(verdict.unknown)}")
    if verdict.status == CLEAN:
        _say(f"{len(pinned)} packages, no known vulnerability")
    return verdict.status


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
