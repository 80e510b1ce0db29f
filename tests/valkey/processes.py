"""Processes that do not outlive the one that started them, however it ends."""

import atexit
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

# told of every process that begins (+) and ends (-), it ends those that are left once its
# input does: that of a process that was killed too
_WATCHER: Final = """
import os, signal, sys
running = set()
for line in sys.stdin:
    (running.add if line[0] == "+" else running.discard)(int(line[1:]))
for pid in running:
    os.kill(pid, signal.SIGKILL)
"""


def begin(
    command: Sequence[str], directory: Path, log: Path, **identity: Any
) -> subprocess.Popen[bytes]:
    """Start a program in a directory; what it prints goes to `log`.

    `identity` is as whom it runs, in the words of `subprocess`.
    """
    watcher = _watcher()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            **identity,
        )
    _tell(watcher, f"+{process.pid}")
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill it."""
    process.kill()
    process.wait()
    _tell(_watcher(), f"-{process.pid}")


@cache
def _watcher() -> subprocess.Popen[str]:
    """The one of this process, which it ends with."""
    watcher = subprocess.Popen(
        [sys.executable, "-S", "-E", "-c", _WATCHER],
        stdin=subprocess.PIPE,
        text=True,
        # a terminal's ^C is not for it
        start_new_session=True,
    )
    atexit.register(watcher.communicate)
    return watcher


def _tell(watcher: subprocess.Popen[str], line: str) -> None:
    assert watcher.stdin is not None
    watcher.stdin.write(line + "\n")
    watcher.stdin.flush()
