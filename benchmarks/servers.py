"""The servers under measurement: child processes on a core of their own."""

import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import IO, Final

import psutil

from benchmarks.wires import WEB_SOCKET

START_TIMEOUT: Final = 30.0  # seconds until a server must serve
_POLL_INTERVAL: Final = 0.05
_COMPLAINTS: Final = ("warning", "error", "critical")
_SEEN_OF_LOG: Final = 2000  # characters of a failed server's log that go into the error

# The load is beyond what one device may do: what is measured is the path, not the bucket.
_UNLIMITED: Final = "1000000000"
SERVICE_SETTINGS: Final[Mapping[str, str]] = {
    "SIGNALING_METRICS_LISTEN": "off",  # several servers run side by side
    "SIGNALING_LIMIT_CANDIDATES_PER_GENERATION": _UNLIMITED,
    "SIGNALING_LIMIT_CANDIDATES_PER_SECOND": _UNLIMITED,
    "SIGNALING_LIMIT_CANDIDATES_BURST": _UNLIMITED,
    "SIGNALING_LIMIT_OFFERS_PER_SECOND": _UNLIMITED,
    "SIGNALING_LIMIT_OFFERS_BURST": _UNLIMITED,
    "SIGNALING_LIMIT_OTHERS_PER_SECOND": _UNLIMITED,
    "SIGNALING_LIMIT_OTHERS_BURST": _UNLIMITED,
}
NO_SETTINGS: Final[Mapping[str, str]] = MappingProxyType({})


class BenchmarkError(Exception):
    """The run cannot give a figure that means anything."""


class Kind(StrEnum):
    """What can be measured."""

    SERVICE = "service"
    RELAY = "relay"


_COMMANDS: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.SERVICE: ("-m", "signaling_service", "serve", "--listen", "127.0.0.1:0"),
    Kind.RELAY: ("-m", "benchmarks.relay"),
}


@dataclass(frozen=True)
class Server:
    """A running server."""

    kind: Kind
    address: str
    web_address: str  # of its WebSockets, "" where it has none
    process: psutil.Process
    log: Path

    @property
    def is_service(self) -> bool:
        """Whether it keeps the contract: numbers, acknowledges, checks."""
        return self.kind is Kind.SERVICE

    def complaints(self) -> Counter[str]:
        """Return what it has logged that is no matter of course: events, by how often."""
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
        events = [json.loads(line) for line in lines]
        return Counter(each["event"] for each in events if each["level"] in _COMPLAINTS)

    def cpu_seconds(self) -> float:
        """Return the CPU time of all its threads so far, user and system, in seconds."""
        return cpu_seconds(self.process.pid)

    def resident_bytes(self) -> int:
        """Return its resident memory."""
        return int(self.process.memory_info().rss)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of all threads of a process so far, user and system, in seconds."""
    return time.clock_gettime(_cpu_clock(pid))


def cores() -> tuple[int | None, int | None]:
    """Return the core of the servers and that of the load; None where there is but one."""
    available = sorted(os.sched_getaffinity(0))
    return (available[0], available[1]) if len(available) > 1 else (None, None)


@contextmanager
def running(
    kind: Kind, core: int | None, settings: Mapping[str, str] = NO_SETTINGS
) -> Iterator[Server]:
    """Run a server of that kind, pinned to `core`, for as long as the block lasts.

    `settings` are variables of the service beside `SERVICE_SETTINGS`.

    Raises:
        BenchmarkError: it did not serve within `START_TIMEOUT`.

    """
    with ExitStack() as stack:
        log = stack.enter_context(tempfile.NamedTemporaryFile("w+"))
        # what a server runs with is its own affair, not that of the shell or the load
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("GRPC_", "SIGNALING_"))
        }
        with pinned(core):
            child = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                [sys.executable, *_COMMANDS[kind]],
                env={**environment, **SERVICE_SETTINGS, **settings},
                stderr=log,
            )
        stack.callback(child.wait)
        stack.callback(child.kill)  # nothing it keeps is worth a drain
        serving = _serving(child, log)
        web = serving.get("websocket_address")
        yield Server(
            kind,
            serving["address"],
            f"{WEB_SOCKET}{web}/" if web else "",
            psutil.Process(child.pid),
            Path(log.name),
        )


def _serving(child: subprocess.Popen[bytes], log: IO[str]) -> dict[str, str]:
    """Wait for the log line of a server that serves, and return it."""
    give_up_at = time.monotonic() + START_TIMEOUT
    while time.monotonic() < give_up_at and child.poll() is None:
        log.seek(0)
        for line in log:
            event: dict[str, str] = json.loads(line) if line.startswith("{") else {}
            if event.get("event") == "serving":
                return event
        time.sleep(_POLL_INTERVAL)
    log.seek(0)
    raise BenchmarkError(f"{child.args!r} does not serve:\n{log.read()[-_SEEN_OF_LOG:]}")


@contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Give this thread, and so the children started in the block, one core."""
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _cpu_clock(pid: int) -> int:
    """Return the CPU-time clock of a process: nanoseconds, where /proc counts ticks of 10 ms."""
    clock = ctypes.c_int32()
    if error := ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock)):
        raise BenchmarkError(f"no CPU clock of the server: {os.strerror(error)}")
    return clock.value
