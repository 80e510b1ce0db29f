"""People of the service that the terminal talks to."""

from collections.abc import AsyncIterator

import pytest

from signaling_service.app import App
from tests.devices import User


@pytest.fixture
async def alice(service: App) -> AsyncIterator[User]:
    """The one who calls."""
    user = User("alice", service.address)
    yield user
    await user.close()


@pytest.fixture
async def bob(service: App) -> AsyncIterator[User]:
    """The one who is called."""
    user = User("bob", service.address)
    yield user
    await user.close()
