"""What real peers call each other on, and the figures at the end."""

import os
import secrets
from collections.abc import Iterator
from typing import Final

import pytest

from .network import Network, isolated
from .outages import LIMITS, Stage
from .phones import RELAY_ADDRESS, SERVICE_ADDRESS, core
from .relay import relaying
from .service_process import Service, forwarding, serving

FIGURES: Final = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Register what tests are marked with."""
    config.addinivalue_line("markers", "outage(play, seconds): what it claims something about")


@pytest.fixture(scope="session")
def peer_network() -> Iterator[Network]:
    """The network of the real peers."""
    with isolated(f"signaling-e2e-{os.getpid()}") as network:
        yield network


@pytest.fixture
def service() -> Iterator[Service]:
    """A service on this machine's loopback."""
    with serving(Network()) as running:
        yield running


@pytest.fixture
def peer_service(peer_network: Network) -> Iterator[Service]:
    """A service on the loopback of the real peers' network."""
    with serving(peer_network) as running:
        yield running


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A service and a relay that phones in networks of their own can reach."""
    directory, secret = tmp_path_factory.mktemp("relay"), secrets.token_urlsafe()
    with core() as networks, relaying(networks.relay, RELAY_ADDRESS, directory, secret) as relay:
        turn = ("--turn-url", relay.url, "--turn-secret-file", str(relay.secret_file))
        with (
            serving(networks.service, *turn, limits=LIMITS) as service,
            forwarding(service, SERVICE_ADDRESS) as address,
        ):
            yield Stage(networks, relay, address)


@pytest.fixture
def figures(pytestconfig: pytest.Config) -> list[str]:
    """What was measured, a line each, for the end of the run."""
    return pytestconfig.stash.setdefault(FIGURES, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures, also when everything passed."""
    lines = terminalreporter.config.stash.get(FIGURES, [])
    if lines:
        terminalreporter.section("figures")
    for line in lines:
        terminalreporter.line(line)
