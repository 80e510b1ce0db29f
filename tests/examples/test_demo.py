"""The demonstrations show a call that connects, and one that fails and recovers."""

import argparse
import asyncio
import io
import os
import re
import sys
from pathlib import Path

import pytest
from rich.console import Console

from examples import demo
from signaling_service.app import App

ROOT = Path(__file__).parents[2]
DEADLINE = 60.0  # s, with the start of two interpreters on a busy machine
WIDTH = 80
# in this order, though others may stand between them
STORY = (
    r"├─+ offer ─+▶│",
    r"├─+┼─+ offer ─+▶│|├─+ offer ─+▶│ +│$",
    r"│◀─+ answer ─+┤",
    r"WON",
    r"\d candidates?",
    r"│◀═+ audio, both ways ═+▶│",
    r"├╌+┼╌+ “hello\?” ╌+▶│",
    r"│◀╌+ “hi, it's Bob” ╌+┼╌+┤",
    r"├─+ hangup ─+▶│",
    r"ended HANGUP",
    r"^connected after \d+ ms \(\d+ ms from the answer\), first audio after \d+ ms,$",
)
FAILING_STORY = (
    r"│◀═+ audio, both ways ═+▶│",
    r"│✗ +no network +✗│",
    r"│◀─+ AWAY phone ─+┤",
    r"├─+ “still there\?” ─+▶│",
    r"├─+ welcome back ─+▶│",
    r"│✗ +no path for media +✗│",
    r"failed",
    r"reconnect (OFFER|WAIT)",
    r"├─+ offer ─+▶│",
    r"│◀─+ answer ─+┤",
    r"├─+ connected ─+▶│",
    r"│◀═+ audio, both ways ═+▶│",
    r"├─+ hangup ─+▶│",
    r"ended HANGUP",
    r"^AWAY after \d+ ms, lost path seen after \d+ ms, audio again \d+ ms later$",
)


async def run(*arguments: str) -> list[str]:
    """What the demonstration prints on a terminal of 80 columns."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "examples.demo", "--fast", *arguments),
        cwd=ROOT,
        env=os.environ | {"COLUMNS": str(WIDTH), "PYTHONIOENCODING": "utf-8"},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), DEADLINE)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0
    return output.decode().splitlines()


def check(lines: list[str], story: tuple[str, ...] = STORY) -> str:
    rest = iter(lines)
    missing = [step for step in story if not any(re.search(step, line) for line in rest)]
    text = "\n".join(lines)
    assert not missing, text
    assert max(map(len, lines)) <= WIDTH
    assert "candidate:" not in text
    assert "a=" not in text
    return text


async def test_it_shows_a_call_from_the_offer_to_the_hangup() -> None:
    """Alone, the demonstration starts a service of its own; no description gets on the screen."""
    assert check(await run()).count("ended ANSWERED_ELSEWHERE") == 1


async def test_it_calls_at_a_service_that_runs(service: App) -> None:
    """With an address it uses the service there."""
    check(await run("--address", service.address))


async def test_it_shows_a_call_that_fails_and_recovers() -> None:
    """Both sides are told of what failed, one offers anew, and each hears the end once."""
    text = check(await run("--failing"), FAILING_STORY)

    assert text.count("BACK phone") == 1
    assert text.count("“still there?”") == 2  # sent and got once
    assert text.count("reconnect OFFER") == text.count("reconnect WAIT") == 1
    assert text.count("ended HANGUP") == 2


async def test_it_fails_when_the_call_does_not_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody serves there is no call, and the exit code says so."""
    monkeypatch.setattr(demo, "DEADLINE", 0.2)
    screen = io.StringIO()
    nowhere = argparse.Namespace(address="127.0.0.1:1", failing=False, fast=True)

    assert await demo.main(nowhere, Console(file=screen, width=WIDTH)) == 1
    assert "no call within" in screen.getvalue()
