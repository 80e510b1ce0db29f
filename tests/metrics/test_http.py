"""What a node says over HTTP: figures, whether it is alive, and whether it is ready."""

import asyncio
import http.client
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry

from signaling_service.app import App
from signaling_service.config import Settings
from signaling_service.metrics.http import SILENCE, HttpServer
from signaling_service.transport.servicer import SERVICE
from tests.clock import ManualClock
from tests.devices import User, channel_to
from tests.shared import cell_at
from tests.valkey import Valkey
from tests.valkey.waiting import until

Answer = tuple[int, str]
ALIVE, READY = (200, "alive\n"), (200, "ready\n")
NOT_READY = (503, "not ready\n")


def ask(address: str, path: str, method: str = "GET") -> Answer:
    """The status and the text of an answer."""
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


async def probe(app: App, path: str) -> Answer:
    """What a node answers."""
    return await asyncio.to_thread(ask, app.metrics.address, path)


@pytest.fixture
async def node(app: App) -> App:
    """A node that is watched."""
    app.metrics.serve("127.0.0.1", 0)
    return app


async def health(app: App) -> int:
    """What its health check says over gRPC."""
    async with channel_to(app.address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        return int((await stub.Check(health_pb2.HealthCheckRequest(service=SERVICE))).status)


async def test_node_that_serves_is_alive_and_ready(node: App) -> None:
    """With a short text for people."""
    assert await probe(node, "/livez") == ALIVE
    assert await probe(node, "/readyz") == READY
    assert "signaling_ready 1.0\n" in (await probe(node, "/metrics"))[1]


@pytest.mark.parametrize("path", ["/", "/metrics/", "/livez/", "/readyz/x", "/favicon.ico", "//"])
async def test_other_paths_are_not_there(node: App, path: str) -> None:
    """Whoever mistypes one is told."""
    assert await probe(node, path) == (404, "there are /metrics, /livez and /readyz\n")


async def test_node_that_drains_is_alive_and_not_ready(
    node: App, alice: User, clock: ManualClock
) -> None:
    """It is to be sent nobody, and not to be killed."""
    await alice.connect("phone")
    draining = asyncio.create_task(node.drain())
    await alice.phone.hears("draining")

    assert await probe(node, "/readyz") == NOT_READY
    assert await probe(node, "/livez") == ALIVE
    assert await health(node) == health_pb2.HealthCheckResponse.NOT_SERVING
    clock.advance(100)
    await draining


async def test_node_that_starts_is_not_ready() -> None:
    """Not before it serves."""
    app = App(Settings(listen="127.0.0.1:0"))
    app.metrics.serve("127.0.0.1", 0)

    assert await probe(app, "/readyz") == NOT_READY
    assert await probe(app, "/livez") == ALIVE
    async with app:
        assert await probe(app, "/readyz") == READY


class TestWithoutItsEngine:
    """A node whose engine is away."""

    @pytest.fixture
    async def engine(self) -> AsyncIterator[Valkey]:
        """An engine of its own: it stops."""
        async with Valkey() as valkey:
            yield valkey

    @pytest.fixture
    async def sharing(self, engine: Valkey) -> AsyncIterator[App]:
        """A node that is watched."""
        async with App(Settings(listen="127.0.0.1:0", backend=cell_at(engine.url))) as app:
            app.metrics.serve("127.0.0.1", 0)
            yield app

    async def test_it_is_alive_and_not_ready(self, sharing: App, engine: Valkey) -> None:
        """A dead engine must not restart nodes: their devices would be thrown off."""
        assert await probe(sharing, "/readyz") == READY
        engine.stop()
        await until(self.says(sharing, NOT_READY))

        assert await probe(sharing, "/livez") == ALIVE
        assert await health(sharing) == health_pb2.HealthCheckResponse.NOT_SERVING

        engine.cont()
        await until(self.says(sharing, READY))

    def says(self, app: App, expected: Answer) -> Callable[[], asyncio.Future[bool]]:
        """Whether that is what it says of its readiness."""

        async def is_so() -> bool:
            return await probe(app, "/readyz") == expected

        return lambda: asyncio.ensure_future(is_so())


@contextmanager
def serving(silence: float) -> Iterator[str]:
    """The address of a process whose event loop has turned so long ago."""
    server = HttpServer(CollectorRegistry(), lambda: silence, lambda: True)
    server.serve("127.0.0.1", 0)
    try:
        yield server.address
    finally:
        server.close()


def test_loop_that_stands_still_is_dead() -> None:
    """After ten seconds: it does not come back by itself."""
    assert SILENCE == 10
    with serving(9.9) as address:
        assert ask(address, "/livez") == ALIVE
    with serving(12.3) as address:
        assert ask(address, "/livez") == (503, "the event loop stands still for 12 s\n")


def test_nobody_listens_once_it_is_closed() -> None:
    """It has no address either."""
    server = HttpServer(CollectorRegistry(), lambda: 0.0, lambda: True)
    server.serve("127.0.0.1", 0)
    address = server.address
    server.close()

    with pytest.raises(ConnectionRefusedError):
        ask(address, "/livez")
    assert server.address == ""
