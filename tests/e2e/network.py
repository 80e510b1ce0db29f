"""Where the peers and their service run: this machine, or networks of their own."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

COMMAND_TIMEOUT: Final = 10.0  # s, one ip command
PEER_ADDRESS: Final = "10.77.0.1/24"


@dataclass(frozen=True)
class Network:
    """The machine, or one network namespace of it."""

    namespace: str | None = None

    def command(self, *arguments: str) -> list[str]:
        """The command line that runs `arguments` in this network."""
        if self.namespace is None:
            return list(arguments)
        return ["ip", "netns", "exec", self.namespace, *arguments]

    def ip(self, *arguments: str) -> None:
        """Change this network, as `ip` does."""
        assert self.namespace is not None, "this machine's own network is not ours to change"
        _ip("-n", self.namespace, *arguments)


@dataclass
class Wire:
    """One end of a veth pair, and where it leads.

    Args:
        network: where this end is.
        interface: what this end is called.
        prefix: the first three numbers of the addresses at both ends.
        beyond: an address behind the other end, None if the other end is all.
        host: the fourth number of this end's address.
    """

    network: Network
    interface: str
    prefix: str
    beyond: str | None = None
    host: int = 2

    def cut(self) -> None:
        """Nothing gets through from now on, in either direction."""
        self.network.ip("link", "set", self.interface, "down")

    def mend(self) -> None:
        """It leads where it led before."""
        self.network.ip("link", "set", self.interface, "up")
        self._find_way()

    def move(self) -> None:
        """Give this end another address instead, at once."""
        self.network.ip("address", "delete", f"{self.address}/24", "dev", self.interface)
        self.host += 1
        self.attach()

    def attach(self) -> None:
        """Give this end its address."""
        self.network.ip("address", "add", f"{self.address}/24", "dev", self.interface)
        self._find_way()

    @property
    def address(self) -> str:
        """The address of this end."""
        return f"{self.prefix}.{self.host}"

    def _find_way(self) -> None:
        if self.beyond is not None:
            self.network.ip("route", "replace", f"{self.beyond}/32", "dev", self.interface)


@contextmanager
def isolated(name: str) -> Iterator[Network]:
    """A network namespace with a loopback and one more interface, for ICE to gather.

    It leads nowhere: nothing that runs in it can reach another machine. Needs root.
    """
    with namespace(name) as network:
        network.ip("link", "add", "peer0", "type", "veth", "peer", "name", "peer1")
        network.ip("address", "add", PEER_ADDRESS, "dev", "peer0")
        for interface in ("peer0", "peer1"):
            network.ip("link", "set", interface, "up")
        yield network


@contextmanager
def namespace(name: str, address: str | None = None) -> Iterator[Network]:
    """A network namespace with a loopback alone, which has `address` too. Needs root."""
    _ip("netns", "add", name)
    network = Network(name)
    try:
        network.ip("link", "set", "lo", "up")
        if address is not None:
            network.ip("address", "add", f"{address}/32", "dev", "lo")
        yield network
    finally:
        _ip("netns", "delete", name)


def join(near: tuple[Network, str], far: tuple[Network, str]) -> None:
    """Put a veth pair between two networks: at each end an interface of that name, up."""
    ends = [(network.namespace or "", interface) for network, interface in (near, far)]
    (here, interface), (there, peer) = ends
    pair = ("type", "veth", "peer", "name", peer, "netns", there)
    _ip("link", "add", interface, "netns", here, *pair)
    for network, end in (near, far):
        network.ip("link", "set", end, "addrgenmode", "none")  # IPv4 alone
        network.ip("link", "set", end, "up")


def lose_the_rest(network: Network) -> None:
    """Let what has no way be lost on it, not refused, as in a large network."""
    network.ip("link", "add", "nowhere", "type", "veth", "peer", "name", "nobody")
    for interface in ("nowhere", "nobody"):
        network.ip("link", "set", interface, "arp", "off", "addrgenmode", "none", "up")
    network.ip("route", "add", "default", "dev", "nowhere")


def _ip(*arguments: str) -> None:
    program = shutil.which("ip")
    assert program is not None, "no iproute2: run scripts/install-e2e.sh"
    subprocess.run([program, *arguments], check=True, timeout=COMMAND_TIMEOUT)
