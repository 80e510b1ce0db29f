"""Somebody to post to."""

from collections.abc import AsyncIterator

import pytest

from tests.webhook.hook import Hook, hooking


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    """A web server."""
    async with hooking() as hook:
        yield hook
