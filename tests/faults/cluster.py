"""Nodes with one engine, and what stands between them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from examples.proxy import Proxy, proxying
from tests.faults.nodes import Nodes
from tests.faults.run import traffic
from tests.faults.traffic import USUAL, Load, Traffic
from tests.valkey import Valkey

# "everysec" answers before it writes while the disk is busy: a kill then loses up to 2 s
KEEPS_ALL: Final = "appendfsync always"


@dataclass(frozen=True)
class Cluster:
    """Nodes, their engine, and for each node the link to it, which may be broken."""

    nodes: Nodes
    engine: Valkey
    links: list[Proxy]

    @property
    def addresses(self) -> list[str]:
        """Where the nodes are."""
        return self.nodes.addresses


@asynccontextmanager
async def cluster(count: int, *options: str) -> AsyncIterator[Cluster]:
    """So many nodes over an engine that keeps what it was told; they must not complain."""
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(Valkey(append_only=True, config=[KEEPS_ALL]))
        links = [await stack.enter_async_context(proxying(engine.address)) for _ in range(count)]
        urls = [f"redis://{link.address}" for link in links]
        nodes = await stack.enter_async_context(Nodes(*urls, options=options))
        yield Cluster(nodes, engine, links)
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
