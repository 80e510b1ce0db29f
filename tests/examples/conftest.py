"""Databases for examples that write into one."""

from collections.abc import AsyncIterator

import psycopg
import pytest
import pytest_asyncio

from tests.postgres import Postgres


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres() -> AsyncIterator[Postgres]:
    """A server, the same for every test of a worker."""
    async with Postgres() as postgres:
        yield postgres


@pytest.fixture
async def url(postgres: Postgres) -> str:
    """A database that nobody else uses."""
    return await postgres.fresh()


@pytest.fixture
async def database(url: str) -> AsyncIterator[psycopg.AsyncConnection]:
    """A look at it."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        yield connection
