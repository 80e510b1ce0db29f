"""What every test may ask for: a running service, its clock, and people with devices."""

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings
from prometheus_client import generate_latest

from signaling_service.app import App
from signaling_service.config import Settings
from signaling_service.limits import LimitSettings
from tests import canaries
from tests.canaries import logs_are_watched, pytest_runtest_makereport
from tests.clock import ManualClock
from tests.devices import User
from tests.faults.report import PROPERTY, Row, table
from tests.hostile import report as attacked
from tests.shared import ONE_NODE, OVER_WEB, TWO_NODES, shared_cell
from tests.valkey import Valkey

__all__ = ["logs_are_watched", "pytest_runtest_makereport"]  # on guard in every test

LISTEN = Settings(listen="127.0.0.1:0")
_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

# how hard the property tests look: by default every run tries the same examples
settings.register_profile(
    "default", max_examples=300, derandomize=True, deadline=None, suppress_health_check=_SLOW
)
settings.register_profile(
    "nightly", max_examples=2500, derandomize=False, deadline=None, suppress_health_check=_SLOW
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how often the machines' runs went through each row, and what fault runs counted."""
    reports = [each for several in terminalreporter.stats.values() for each in several]
    noted = [pair for report in reports for pair in getattr(report, "user_properties", ())]
    for rows in (value for name, value in noted if name == "visits"):
        terminalreporter.section("visits of the transition table")
        for driver, before, kind, after, count in rows:
            terminalreporter.line(f"{driver:9}{before:13}{kind:17}{after:13}{count:7}")
    if runs := [Row(*value) for name, value in noted if name == PROPERTY]:
        terminalreporter.write_line(table(runs))
    if attacks := [attacked.Row(*value) for name, value in noted if name == attacked.PROPERTY]:
        terminalreporter.write_line(attacked.table(attacks))


@pytest.fixture
def clock() -> ManualClock:
    """The service's clock; nothing times out unless a test moves it."""
    return ManualClock()


@pytest.fixture
def service_settings() -> Settings:
    """The service's settings; a test that wants others overrides this."""
    # a test that moves the clock far does not mean every write that is under way
    return Settings(listen="127.0.0.1:0", limits=LimitSettings(stuck_write_seconds=100_000))


@pytest.fixture
def backends(request: pytest.FixtureRequest) -> Sequence[str]:
    """The backend of each node: one with its own memory, or two that share an engine."""
    if getattr(request, "param", ONE_NODE) != TWO_NODES:
        return ("memory",)
    return (shared_cell(request.getfixturevalue("valkey")),) * 2


@pytest.fixture
def over_web(request: pytest.FixtureRequest) -> bool:
    """Whether devices come over WebSocket."""
    callspec = getattr(request.node, "callspec", None)
    return callspec is not None and callspec.params.get("backends") == OVER_WEB


@pytest.fixture
async def nodes(
    service_settings: Settings, clock: ManualClock, backends: Sequence[str], *, over_web: bool
) -> AsyncIterator[list[App]]:
    """The nodes of a running service, each on a port of its own."""
    web = {"websocket_listen": "127.0.0.1:0"} if over_web else {}
    async with AsyncExitStack() as stack:
        settings = [
            service_settings.model_copy(update={"backend": each, **web}) for each in backends
        ]
        running = [await stack.enter_async_context(App(each, clock)) for each in settings]
        yield running
        for node in running:
            canaries.watch("the metrics", generate_latest(node.metrics.registry).decode())


@pytest.fixture
def app(nodes: list[App]) -> App:
    """The first of them."""
    return nodes[0]


@pytest.fixture
async def person(nodes: list[App], *, over_web: bool) -> AsyncIterator[Callable[[str], User]]:
    """Makes users of the running service; their streams take turns at its nodes."""
    users: list[User] = []

    def make(user_id: str) -> User:
        addresses = [
            f"ws://{node.websocket_address}/" if over_web else node.address for node in nodes
        ]
        users.append(User(user_id, *addresses))
        return users[-1]

    yield make
    for user in users:
        await user.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def valkey() -> AsyncIterator[Valkey]:
    """An engine without persistence, the same for every test of a worker; whoever comes cleans."""
    async with Valkey() as running:
        yield running


@pytest.fixture(autouse=True)
def _no_http_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take proxies out of the environment: gRPC obeys them even on loopback."""
    for name in [name for name in os.environ if "proxy" in name.lower()]:
        monkeypatch.delenv(name)


@pytest.fixture
async def service() -> AsyncIterator[App]:
    """A running service on the machine's clock."""
    async with App(LISTEN) as running:
        yield running


@pytest.fixture
def alice(person: Callable[[str], User]) -> User:
    """The one who calls."""
    return person("alice")


@pytest.fixture
def bob(person: Callable[[str], User]) -> User:
    """The one who is called."""
    return person("bob")


@pytest.fixture
def mallory(person: Callable[[str], User]) -> User:
    """Nobody's friend."""
    return person("mallory")
