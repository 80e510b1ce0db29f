"""The supervisor of workers, with stand-ins for them: short scripts at the end of its line."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol

import pytest
import structlog

from signaling_service.config import Settings
from signaling_service.process import Stop
from signaling_service.workers import supervisor
from signaling_service.workers.supervisor import Ending, Supervisor, pause
from tests.devices import PATIENCE

SCRIPT = """
import json, os, signal, socket, sys, pathlib
line = socket.socket(fileno=0).makefile("rwb")
number, options = int(sys.argv[1]), json.loads(line.readline())
def say(**message):
    line.write(json.dumps(message).encode() + b"\\n")
    line.flush()
def is_first(path=pathlib.Path(options["scratch"]) / str(number)):
    was_there = path.exists()
    path.touch()
    return not was_there
def serve():
    say(serving="here")
    return line.readline()
"""
OBEYS = "sys.exit(serve() != b'drain\\n')"
GOES_WRONG = "say(refused=['--this: is wrong']); sys.exit(2)"

Log = asyncio.Queue[dict[str, Any]]


@pytest.fixture
async def log() -> AsyncIterator[Log]:
    """What is logged, as it comes."""
    queue: Log = asyncio.Queue()

    def put(_: Any, level: str, event: Any) -> Any:
        queue.put_nowait({**event, "level": level})
        raise structlog.DropEvent

    structlog.configure(processors=[put])
    yield queue
    structlog.reset_defaults()


@pytest.fixture
async def stop() -> Stop:
    """What the supervisor is asked for."""
    return Stop()


class Start(Protocol):
    """Starts a supervisor whose workers run a script."""

    def __call__(self, script: str, workers: int = 2) -> asyncio.Task[Ending]:
        """Returns its run."""


@pytest.fixture
def start(stop: Stop, tmp_path: Path) -> Start:
    """Starts a supervisor."""

    def start(script: str, workers: int = 2) -> asyncio.Task[Ending]:
        settings = Settings(workers=workers, backend="redis://127.0.0.1", drain_deadline=0.01)
        command = (sys.executable, "-S", "-c", SCRIPT + script)
        run = Supervisor(settings, {"scratch": str(tmp_path)}, stop, command).run()
        return asyncio.create_task(run)

    return start


async def logged(log: Log) -> dict[str, Any]:
    """The next line."""
    async with asyncio.timeout(PATIENCE):
        return await log.get()


async def ended(run: asyncio.Task[Ending]) -> Ending:
    """How it ends."""
    async with asyncio.timeout(PATIENCE):
        return await run


async def test_serves_once(start: Start, stop: Stop, log: Log) -> None:
    """All workers serve before it says so; told to drain, they end, and so does it."""
    run = start(OBEYS, workers=3)
    serving = {"event": "serving", "address": "here", "workers": 3, "level": "info"}
    assert await logged(log) == serving

    stop.drain.set()

    assert await ended(run) == Ending(0)
    assert log.empty()


@pytest.mark.parametrize(
    ("death", "cause"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", {"signal": "SIGKILL"}),
        ("sys.exit(3)", {"exit_code": 3}),
        ("sys.exit()", {"exit_code": 0}),
    ],
)
async def test_dead_worker(
    start: Start, stop: Stop, log: Log, death: str, cause: dict[str, Any]
) -> None:
    """It is replaced at once, however it came to its end."""
    run = start(f"if number and is_first():\n    say(serving='here'); {death}\n" + OBEYS)
    lines = [await logged(log), await logged(log)]
    stop.drain.set()

    assert await ended(run) == Ending(0)
    died = {"event": "worker_died", "worker": 1, **cause, "again_in": 0, "level": "warning"}
    assert died in lines
    assert [line["event"] for line in lines if line != died] == ["serving"]


async def test_worker_that_goes_on_dying(start: Start, stop: Stop, log: Log) -> None:
    """Its successors come more and more slowly; nobody waits for one when all should stop."""
    run = start("if number:\n    say(serving='here'); sys.exit(1)\n" + OBEYS)
    lines = [await logged(log) for _ in range(3)]
    stop.drain.set()

    assert await ended(run) == Ending(0)
    assert [line["again_in"] for line in lines if line["event"] == "worker_died"] == [0, 1]


def test_pause() -> None:
    """One death is an accident; then it doubles up to half a minute."""
    assert [pause(deaths) for deaths in range(1, 9)] == [0, 1, 2, 4, 8, 16, 30, 30]


async def test_wrong_setting(start: Start, log: Log) -> None:
    """What every worker says is said once, and the start is over."""
    run = start(GOES_WRONG, workers=3)

    assert await ended(run) == Ending(2, ["--this: is wrong"])
    assert log.empty()


async def test_wrong_setting_of_one(start: Start, log: Log) -> None:
    """The others, serving or not, go with it, and in a hurry."""
    run = start(f"if number: {GOES_WRONG}\nserve(); line.readline() == b'hurry\\n'")

    assert await ended(run) == Ending(2, ["--this: is wrong"])
    assert log.empty()


async def test_setting_that_goes_wrong(start: Start, stop: Stop, log: Log) -> None:
    """A service that once worked goes on with the workers it has, and tries."""
    dies = f"if number:\n    if not is_first(): {GOES_WRONG}\n    say(serving='here'); sys.exit()\n"
    run = start(dies + OBEYS)
    lines = [await logged(log) for _ in range(3)]
    stop.drain.set()

    assert await ended(run) == Ending(0)
    assert [line["error"] for line in lines if "error" in line] == [["--this: is wrong"]]


async def test_interpreter_that_is_not_there(stop: Stop, log: Log) -> None:
    """No process can be started: that is said, and over."""
    settings = Settings(workers=2, backend="redis://127.0.0.1")
    run = Supervisor(settings, {}, stop, ("/nowhere/python",)).run()

    ending = await run

    assert ending.code == 1
    assert "/nowhere/python" in ending.complaints[0]
    assert log.empty()


async def test_stop_while_it_starts(start: Start, stop: Stop, log: Log) -> None:
    """Workers hear of it when they can."""
    run = start(OBEYS)

    stop.drain.set()

    assert await ended(run) == Ending(0)
    assert log.empty()


async def test_killed_while_it_drains(start: Start, stop: Stop, log: Log) -> None:
    """Nobody waits for it; that it did not end well is in the exit code."""
    run = start("serve(); os.kill(os.getpid(), signal.SIGKILL)")
    await logged(log)

    stop.drain.set()

    assert await ended(run) == Ending(1)
    assert log.empty()


async def test_worker_that_hangs(
    start: Start, stop: Stop, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told to hurry when its time is over, and then it is killed."""
    monkeypatch.setattr(supervisor, "OVERDUE", 0.01)
    run = start("serve(); line.readline(); say(); signal.pause()")
    await logged(log)

    stop.drain.set()

    assert await ended(run) == Ending(1)
