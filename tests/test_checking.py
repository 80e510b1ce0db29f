"""`signaling-service health`: what a container's health check runs."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.tracing.test_exporting import free_address
from tests.transport.node import Node, running
from tests.transport.test_tls import Authority
from tests.valkey import Valkey


async def health(*options: str, **variables: str) -> tuple[int, str]:
    """Run the command; returns its exit code, and what it complains of."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "signaling_service", "health", *options),
        env={"LANG": "C.UTF-8", **variables},
        stderr=asyncio.subprocess.PIPE,
    )
    _, complaint = await process.communicate()
    return process.returncode or 0, complaint.decode()


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    """A node that serves."""
    async with running() as started:
        yield started


async def test_node_is_well(node: Node) -> None:
    """Alive and ready; in its own environment no option is needed."""
    assert await health("--target", node.address) == (0, "")
    assert await health("--ready", SIGNALING_LISTEN=node.address) == (0, "")


async def test_node_that_listens_everywhere_is_asked_on_loopback(node: Node) -> None:
    """As nobody else can be reached at such an address."""
    port = node.address.rpartition(":")[2]

    assert await health(SIGNALING_LISTEN=f"0.0.0.0:{port}") == (0, "")


async def test_nobody_is_not_well() -> None:
    """One line, and no traceback."""
    address = free_address()
    code, complaint = await health("--target", address)

    assert code == 1
    assert complaint == f"{address}: StatusCode.UNAVAILABLE\n"


async def test_node_without_its_engine_is_alive_and_not_ready() -> None:
    """The one that must not be restarted."""
    async with Valkey() as engine:
        url = engine.url
    async with running("--backend", url) as node:
        assert await health("--target", node.address) == (0, "")
        code, complaint = await health("--target", node.address, "--ready")
    assert (code, complaint) == (1, f"{node.address}: is not serving\n")


async def test_node_with_tls_is_known_by_its_certificate(tmp_path: Path) -> None:
    """Whoever shows another one is not it."""
    (tmp_path / "others").mkdir()
    ours, others = Authority(tmp_path), Authority(tmp_path / "others")
    tls = {"SIGNALING_TLS_CERT": str(ours.cert), "SIGNALING_TLS_KEY": str(ours.key)}
    async with running(**tls) as node:
        assert await health(SIGNALING_LISTEN=node.address, **tls) == (0, "")
        code, _ = await health("--target", node.address, "--tls-cert", str(others.cert))
        assert code == 1
        assert (await health("--target", node.address))[0] == 1


async def test_certificate_that_is_none_is_named(tmp_path: Path) -> None:
    """It, and what is wrong."""
    (tmp_path / "not.pem").write_text("nonsense")
    for file in ("not.pem", "nowhere.pem"):
        code, complaint = await health("--tls-cert", str(tmp_path / file))
        assert code == 1
        assert complaint.startswith("--tls-cert: ")
