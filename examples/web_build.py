"""Builds the page that calls between browsers are tried on; needs Node.js."""

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).with_name("web")
BUILT: Final = SOURCE / "build"
PACKAGES: Final = SOURCE / "node_modules"
OLDEST_NODE: Final = 18
NO_NODE: Final = (
    f"The page is built with Node.js {OLDEST_NODE} or newer and npm, and they are not here.\n"
    "Debian and Ubuntu: apt install nodejs npm. Elsewhere: nodejs.org has it."
)


class BuildError(Exception):
    """The page cannot be built; the text is for a person."""


def build() -> Path:
    """Build the page, and install what that needs if it is not there; returns where it is.

    Raises:
        BuildError: there is no Node.js, it is too old, or a step failed.
    """
    npm = _npm()
    digest = hashlib.sha256((SOURCE / "package-lock.json").read_bytes()).hexdigest()
    wanted = f"{digest}  package-lock.json\n"  # as sha256sum has it
    installed = PACKAGES / ".installed.sha256"
    if not installed.exists() or installed.read_text() != wanted:
        # without the packages that only check and test the page, and without their scripts
        _run(npm, "ci", "--ignore-scripts", "--omit=dev", "--loglevel=error")
        installed.write_text(wanted)
    _run(npm, "run", "--silent", "build")
    return BUILT


def _npm() -> str:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise BuildError(NO_NODE)
    version = subprocess.run([node, "--version"], check=True, capture_output=True, text=True)  # noqa: S603 - found above
    if int(version.stdout.removeprefix("v").split(".")[0]) < OLDEST_NODE:
        raise BuildError(f"{NO_NODE}\nThis one is {version.stdout.strip()}.")
    return npm


def _run(*command: str) -> None:
    done = subprocess.run(  # noqa: S603 - a command line of our own
        command, cwd=SOURCE, check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise BuildError(f"{' '.join(command[1:])} failed:\n{done.stdout}{done.stderr}")
