"""A service behind a proxy that a test may break."""

from collections.abc import AsyncIterator

import pytest

from examples.proxy import Proxy, proxying
from signaling_service.app import App


@pytest.fixture
async def proxy(service: App) -> AsyncIterator[Proxy]:
    async with proxying(service.address) as proxy:
        yield proxy
