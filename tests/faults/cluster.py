"""Nodes with one engine, and what stands between them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from examples.proxy import Proxy, proxying
from tests.faults.nodes import Nodes
from tests.faults.run import traffic
from tests.faults.traffic import USUAL, Load, Traffic
from tests.valkey import Valkey

# a disk that is busy with something else would hold the engine up; what it writes to
# survive a kill need not survive the machine
MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a file system


@dataclass(frozen=True)
class Cluster:
    """Nodes, their engine, and for each node the link to it, which may be broken.

    `written` is the directory that the engine starts from.
    """

    nodes: Nodes
    engine: Valkey
    written: Path
    links: list[Proxy]

    @property
    def addresses(self) -> list[str]:
        """Where the nodes are."""
        return self.nodes.addresses


@asynccontextmanager
async def cluster(count: int, *options: str) -> AsyncIterator[Cluster]:
    """So many nodes over an engine that keeps what it was told; they must not complain."""
    async with AsyncExitStack() as stack:
        memory = MEMORY if MEMORY.is_dir() else None
        data = stack.enter_context(TemporaryDirectory(prefix="valkey-", dir=memory))
        engine = Valkey(append_only=True, config=[f"dir {data}"])
        await stack.enter_async_context(engine)
        links = [await stack.enter_async_context(proxying(engine.address)) for _ in range(count)]
        urls = [f"redis://{link.address}" for link in links]
        nodes = await stack.enter_async_context(Nodes(*urls, options=options))
        yield Cluster(nodes, engine, Path(data) / "appendonlydir", links)
        nodes.check_logs()


@asynccontextmanager
async def busy(
    count: int, seed: int, fault: str, load: Load = USUAL
) -> AsyncIterator[tuple[Cluster, Traffic]]:
    """A cluster with calls that go on while the body breaks something; then all is judged."""
    async with (
        cluster(count) as service,
        traffic(service.addresses, seed, fault, load) as calls,
    ):
        yield service, calls
