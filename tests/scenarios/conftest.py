"""Every scenario is played on one node, and on two that share an engine."""

import pytest

from tests.shared import shared_cell
from tests.valkey import Valkey


@pytest.fixture(params=["one node", "two nodes"])
def backends(request: pytest.FixtureRequest, valkey: Valkey) -> tuple[str, ...]:
    """The backend of each node."""
    if request.param == "one node":
        return ("memory",)
    return (shared_cell(valkey),) * 2
