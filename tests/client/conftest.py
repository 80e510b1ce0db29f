"""A service in this process, and no HTTP proxy between it and its clients."""

import os
from collections.abc import AsyncIterator

import pytest

from examples.proxy import Proxy, proxying
from signaling_service.app import App
from signaling_service.config import Settings

LISTEN = Settings(listen="127.0.0.1:0")


@pytest.fixture(autouse=True)
def _no_http_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take proxies out of the environment: gRPC obeys them even on loopback."""
    for name in [name for name in os.environ if "proxy" in name.lower()]:
        monkeypatch.delenv(name)


@pytest.fixture
async def service() -> AsyncIterator[App]:
    async with App(LISTEN) as app:
        yield app


@pytest.fixture
async def proxy(service: App) -> AsyncIterator[Proxy]:
    async with proxying(service.address) as proxy:
        yield proxy
