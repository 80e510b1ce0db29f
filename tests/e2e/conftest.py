"""A service for every test, one network for all real peers, and the figures at the end."""

import os
from collections.abc import Iterator
from typing import Final

import pytest

from .network import Network, isolated
from .service_process import Service, serving

FIGURES: Final = pytest.StashKey[list[str]]()


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
