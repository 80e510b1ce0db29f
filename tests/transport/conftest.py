"""What the tests of the transport may ask for beside people and their devices."""

from collections.abc import AsyncIterator, Callable

import pytest

from signaling_service.app import App
from signaling_service.config import Settings
from tests.devices import Device, User
from tests.transport.http2 import Http2
from tests.transport.settings import settings


@pytest.fixture
def service_settings() -> Settings:
    """The settings of the service; a test that wants others is `limited`."""
    return settings()


@pytest.fixture
def another(person: Callable[[str], User]) -> Callable[[Device], Device]:
    """The same device a second time: what it is to a service that only sees credentials."""

    def make(device: Device) -> Device:
        twin: Device = getattr(person(device.user.user_id), device.device_id)
        twin.welcome = device.welcome
        return twin

    return make


@pytest.fixture
async def http2(app: App) -> AsyncIterator[Callable[[], Http2]]:
    """Makes bare HTTP/2 connections to the running service; `open` them."""
    connections: list[Http2] = []

    def make() -> Http2:
        connections.append(Http2(app.address))
        return connections[-1]

    yield make
    for connection in connections:
        connection.abort()
