"""Tokens and TLS as the README tells of them: its commands, word for word, and a call."""

import asyncio
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from examples import signed_in
from signaling_service.issuing.kit import serve_command

ROOT = Path(__file__).parents[2]
DEADLINE = 30.0  # s; several programs start
HELLO = '{"hello": {}}\n'
OFFER = '{"callId": "a-call", "offer": {"recipientUserId": "bob", "sdp": "v=0\\r\\n"}}\n'


def commands() -> list[str]:
    """The commands of the README's section."""
    section = (ROOT / "README.md").read_text().partition("## With tokens and TLS\n")[2]
    section = section.partition("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that looks like a checkout to the commands; it is the current one."""
    (tmp_path / "protos").symlink_to(ROOT / "protos")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.defpath]))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("SIGNALING_LISTEN", "127.0.0.1:0")
    monkeypatch.setenv("SIGNALING_METRICS_LISTEN", "off")
    return tmp_path


@asynccontextmanager
async def running(command: str) -> AsyncIterator[Process]:
    """A command line in a shell; what is left of it at the end is killed."""
    process = await asyncio.create_subprocess_shell(
        command, stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True
    )
    try:
        async with asyncio.timeout(DEADLINE):
            yield process
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.communicate()


async def line_with(stream: asyncio.StreamReader | None, text: str) -> str:
    """The first line with this text in it."""
    assert stream is not None
    seen = []
    async for line in stream:
        seen.append(line.decode())
        if text in seen[-1]:
            return seen[-1]
    raise AssertionError("".join(seen))


@asynccontextmanager
async def serving(command: str) -> AsyncIterator[dict[str, str]]:
    """The service runs; what it logged when it began to serve."""
    async with running(f"exec {command}") as process:
        yield json.loads(await line_with(process.stderr, '"serving"'))
        process.terminate()
        await process.communicate()


async def certs() -> None:
    """The first command of the section."""
    async with running(commands()[0]) as process:
        await process.communicate()
        assert process.returncode == 0


@pytest.mark.usefixtures("checkout")
async def test_a_call_with_tokens_over_tls() -> None:
    """Alice types, Bob's phone is the example: it is busy, and Alice hears so."""
    await certs()
    _, serve, terminal, _ = commands()
    async with serving(serve) as log:
        port = log["address"].rpartition(":")[2]
        phone = asyncio.create_task(signed_in.main(f"localhost:{port}"))
        async with running(terminal.replace(":50051/", f":{port}/")) as alice:
            assert alice.stdin is not None
            alice.stdin.write((HELLO + OFFER).encode())
            sender = await line_with(alice.stdout, "END_REASON")
            alice.stdin.close()
            _, complaints = await alice.communicate()
            status = alice.returncode
        phone.cancel()
        await asyncio.wait([phone])

    assert "END_REASON_BUSY" in sender
    assert status == 0, complaints


@pytest.mark.usefixtures("checkout")
async def test_the_service_starts_as_certs_says() -> None:
    """With a door for services: whoever has no certificate stays outside."""
    await certs()
    printed = serve_command(Path("local"), "push-gateway", "signaling-service")
    _, _, terminal, _ = commands()
    async with serving(printed.replace(":50052", ":0")) as log:
        port = log["service_address"].rpartition(":")[2]
        alone = terminal.replace(":50051/", f":{port}/")
        certified = alone.replace(
            "curl", "curl --cert local/service.pem --key local/service-key.pem"
        )
        async with running(alone) as outside, running(certified) as inside:
            refused, _ = await outside.communicate(HELLO.encode())
            assert inside.stdin is not None
            inside.stdin.write(HELLO.encode())
            welcomed = await line_with(inside.stdout, "welcome")

    assert b"welcome" not in refused
    assert outside.returncode != 0
    assert welcomed


def test_the_readme_starts_the_service_as_certs_says() -> None:
    """The same options with the same values; only the door for services is left out."""
    printed = serve_command(Path("local"), "push-gateway", "signaling-service")
    shown = commands()[1]

    assert set(shown.replace("\\\n", "").split()) <= set(printed.replace("\\\n", "").split())
