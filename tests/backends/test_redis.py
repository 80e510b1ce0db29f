"""A shared backend keeps the contract too, on whatever engine, and leaves no key behind."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from signaling_service.backends.location import Location
from signaling_service.backends.redis import RedisBackend
from tests.backends.cell import RULES
from tests.backends.contract import BackendContract
from tests.clock import ManualClock
from tests.shared import cell_at
from tests.valkey import Cluster, Sentinels, Valkey, tls_in_front_of

# what a cell keeps while a node lives: the highest fence, and the node
AT_REST = frozenset({b"last", b"nodes", b"events", b"dropped"})


class RedisCell:
    """A backend in the cell of a URL, which is on `engine`, and its clock."""

    def __init__(self, url: str, engine: Valkey) -> None:
        self.clock = ManualClock()
        self._engine = engine
        location = Location.parse(url)
        self._prefix = f"{{{location.cell}}}:".encode()
        self.backend = RedisBackend(location, self.clock, RULES)

    async def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    async def leftovers(self) -> Sequence[str]:
        """The keys that are left."""
        keys = await self._engine.run("KEYS", self._prefix.decode() + "*")
        left = {key.removeprefix(self._prefix) for key in keys} - AT_REST
        return sorted(key.decode() for key in left)


@asynccontextmanager
async def running(url: str, engine: Valkey) -> AsyncIterator[RedisCell]:
    """A fresh cell that is in use."""
    cell = RedisCell(url, engine)
    await cell.backend.start(lambda _is_there: None)
    try:
        yield cell
    finally:
        await cell.backend.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sentinels() -> AsyncIterator[Sentinels]:
    """A primary, its replica, and three who guard them."""
    async with Sentinels() as sentinels:
        yield sentinels


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster() -> AsyncIterator[Cluster]:
    """Three primaries that share the slots."""
    async with Cluster() as cluster:
        yield cluster


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guarded() -> AsyncIterator[Valkey]:
    """A server that wants to know who comes."""
    async with Valkey(username="signaling", password="sesame") as valkey:  # noqa: S106 - a test's
        yield valkey


class TestRedis(BackendContract):
    """Every promise, kept by an engine that nodes share."""

    @pytest.fixture
    async def cell(self, valkey: Valkey) -> AsyncIterator[RedisCell]:
        """On one server."""
        async with running(cell_at(valkey.url), valkey) as cell:
            yield cell


class TestSentinel(BackendContract):
    """Every promise, kept where sentinels say which server takes writes, each in two places."""

    @pytest.fixture
    async def cell(self, sentinels: Sentinels) -> AsyncIterator[RedisCell]:
        """On the primary that they name."""
        async with running(cell_at(sentinels.url), sentinels.primary) as cell:
            yield cell


class TestCluster(BackendContract):
    """Every promise, kept in one slot of a cluster."""

    @pytest.fixture
    async def cell(self, cluster: Cluster) -> AsyncIterator[RedisCell]:
        """On the one that has its slot."""
        url = cell_at(cluster.url)
        owner = await cluster.owner(f"{{{Location.parse(url).cell}}}:")
        async with running(url, owner) as cell:
            yield cell


class TestTls(BackendContract):
    """Every promise, kept behind TLS, as a user with a password."""

    @pytest.fixture
    async def cell(self, guarded: Valkey) -> AsyncIterator[RedisCell]:
        """Reached through TLS."""
        async with (
            tls_in_front_of(guarded) as (url, ca_file),
            running(cell_at(f"{url}?ca={ca_file}"), guarded) as cell,
        ):
            yield cell
