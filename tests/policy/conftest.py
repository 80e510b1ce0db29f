"""A policy, and a service that asks it."""

from collections.abc import AsyncIterator

import pytest

from signaling_service.config import Settings
from signaling_service.limits import LimitSettings
from tests.policy.server import PolicyServer
from tests.transport.settings import NEVER_STUCK, settings


@pytest.fixture
async def policy() -> AsyncIterator[PolicyServer]:
    """A running policy."""
    server = PolicyServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def service_settings(policy: PolicyServer) -> Settings:
    """A service that asks it, and in which one may call often."""
    limits = LimitSettings(stuck_write_seconds=NEVER_STUCK, offers_burst=5000, others_burst=5000)
    return settings(limits, call_policy=policy.url)
