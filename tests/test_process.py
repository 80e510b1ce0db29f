"""What every process does with its log."""

import os
import pty
import subprocess
import sys
from contextlib import suppress

import pytest

PLANTED = "planted-secret"
CRASH = """
import sys
import structlog
from signaling_service.process import log_to_stderr

def fail(sdp):
    raise RuntimeError("a mistake of ours")

log_to_stderr()
try:
    fail(sys.argv[1])
except RuntimeError:
    structlog.get_logger().exception("stream_failed")
"""
SCHEDULED = """
import os
import sys
from signaling_service.process import let_threads_finish

os.sched_setscheduler(0, getattr(os, sys.argv[1]), os.sched_param(0))
let_threads_finish()
names = {getattr(os, name): name for name in ("SCHED_OTHER", "SCHED_BATCH", "SCHED_IDLE")}
print(names[os.sched_getscheduler(0)])
"""


def printed_by(command: list[str], *, terminal: bool) -> str:
    """What a program writes to stderr, which may be a terminal."""
    if not terminal:
        return subprocess.run(command, check=True, capture_output=True, text=True).stderr
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as reader:
        process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        output = b""
        with suppress(OSError):  # Linux says so when nobody has the other end open
            while part := reader.read(4096):
                output += part
        assert process.wait() == 0
    return output.decode()


@pytest.mark.parametrize("terminal", [False, True], ids=["to a file", "to a terminal"])
def test_a_traceback_shows_no_values(terminal: bool) -> None:  # noqa: FBT001 - pytest's
    """A crash is told with its place in the code, and without what the code had in its hands."""
    printed = printed_by([sys.executable, "-c", CRASH, PLANTED], terminal=terminal)

    assert "a mistake of ours" in printed
    assert "Traceback" in printed
    assert PLANTED not in printed


@pytest.mark.parametrize(
    ("given", "kept"), [("SCHED_OTHER", "SCHED_BATCH"), ("SCHED_IDLE", "SCHED_IDLE")]
)
def test_scheduling_is_chosen_unless_an_operator_has(given: str, kept: str) -> None:
    """Threads of a node do not interrupt each other; a policy that was set from outside stays."""
    command = [sys.executable, "-c", SCHEDULED, given]

    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == f"{kept}\n"
