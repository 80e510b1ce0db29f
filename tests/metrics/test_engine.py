"""What an operator can read of the way to a shared engine."""

from collections.abc import AsyncIterator

import pytest

from signaling_service.app import App
from signaling_service.config import Settings
from tests.devices import User, answered_call
from tests.metrics.scrape import comes_to, exceeds, value
from tests.shared import TWO_NODES, cell_at
from tests.valkey import Valkey


@pytest.fixture
async def engine() -> AsyncIterator[Valkey]:
    """An engine of its own: it stops."""
    async with Valkey() as valkey:
        yield valkey


@pytest.fixture
async def node(engine: Valkey) -> AsyncIterator[App]:
    """A node that shares it."""
    async with App(Settings(listen="127.0.0.1:0", backend=cell_at(engine.url))) as app:
        yield app


async def test_round_trips_and_scripts_are_counted(node: App) -> None:
    """A node says that it is alive with a script, which takes a round trip."""
    assert value(node, "signaling_backend_up") == 1
    assert value(node, "signaling_backend_scripts_total", script="beat") >= 1
    assert value(node, "signaling_backend_scripts_total", script="step") == 0
    assert value(node, "signaling_backend_round_trip_seconds_count") >= 1
    assert value(node, "signaling_backend_round_trip_seconds_sum") > 0


async def test_engine_that_is_away_is_seen(node: App, engine: Valkey) -> None:
    """For how long, that scripts fail and have no reply, and that calls are not known."""
    away = value(node, "signaling_backend_away_seconds_total")

    engine.stop()
    await comes_to(0, node, "signaling_backend_up")

    assert value(node, "signaling_ready") == 0
    await exceeds(0, node, "signaling_backend_unanswered_total")
    await exceeds(0, node, "signaling_backend_failures_total")
    assert value(node, "signaling_backend_away_seconds_total") > away
    with pytest.raises(KeyError):
        value(node, "signaling_live_calls", state="ringing")

    engine.cont()
    await comes_to(1, node, "signaling_backend_up")
    back = value(node, "signaling_backend_away_seconds_total")
    assert value(node, "signaling_backend_away_seconds_total") == back


@pytest.mark.parametrize("backends", [TWO_NODES], indirect=True)
async def test_every_node_says_the_same_of_live_calls(
    nodes: list[App], alice: User, bob: User
) -> None:
    """Those of all nodes, whichever the devices are at; streams and messages are its own."""
    await bob.connect("tablet")
    await bob.tablet.half_closes()
    await answered_call(alice, bob)  # so they are at two nodes

    for node in nodes:
        await comes_to(1, node, "signaling_live_calls", state="answered")

    assert [value(node, "signaling_calls_begun_total") for node in nodes] == [1, 0]
    assert [value(node, "signaling_streams") for node in nodes] == [1, 1]
