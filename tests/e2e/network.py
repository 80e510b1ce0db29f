"""Where the peers and their service run: this machine, or a network of their own."""

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


@contextmanager
def isolated(name: str) -> Iterator[Network]:
    """A network namespace with a loopback and one more interface, for ICE to gather.

    It leads nowhere: nothing that runs in it can reach another machine. Needs root.
    """
    _ip("netns", "add", name)
    try:
        _ip("-n", name, "link", "add", "peer0", "type", "veth", "peer", "name", "peer1")
        _ip("-n", name, "address", "add", PEER_ADDRESS, "dev", "peer0")
        for interface in ("lo", "peer0", "peer1"):
            _ip("-n", name, "link", "set", interface, "up")
        yield Network(name)
    finally:
        _ip("netns", "delete", name)


def _ip(*arguments: str) -> None:
    program = shutil.which("ip")
    assert program is not None, "no iproute2: run scripts/install-e2e.sh"
    subprocess.run([program, *arguments], check=True, timeout=COMMAND_TIMEOUT)
