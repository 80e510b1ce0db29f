"""Two nodes for tests in which none dies, and what the fault runs have counted."""

import uuid
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from signaling_service.app import App
from signaling_service.config import Settings
from signaling_service.limits import LimitSettings
from tests.faults.report import PROPERTY, ROWS
from tests.valkey import Valkey


@pytest.fixture(autouse=True)
def _keep_rows(record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Let the summary have what a test has counted, whatever process it ran in."""
    yield
    for row in ROWS:
        record_property(PROPERTY, [row.seed, row.fault, dict(row.counts)])
    ROWS.clear()


@pytest.fixture
async def addresses(valkey: Valkey) -> AsyncIterator[tuple[str, str]]:
    """Two nodes of one service, in this process: for tests in which none has to die."""
    settings = Settings(
        listen="127.0.0.1:0",
        backend=f"{valkey.url}?cell={uuid.uuid4()}",
        limits=LimitSettings(others_burst=10_000, offers_burst=10_000),
    )
    async with App(settings) as one, App(settings) as other:
        yield one.address, other.address
