"""A TURN server: coturn, with the secret that it shares with the service."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import IO, Final

from .network import Network

PORT: Final = 3478
STARTED_TIMEOUT: Final = 20.0  # s, on a busy machine
REALM: Final = "e2e.example"
LISTENS: Final = "UDP listener opened"


@dataclass(frozen=True)
class Relay:
    """A running relay."""

    address: str
    secret: str
    secret_file: Path

    @property
    def url(self) -> str:
        """What a device is told of it."""
        return f"turn:{self.address}:{PORT}?transport=udp"


@contextmanager
def relaying(network: Network, address: str, directory: Path, secret: str) -> Iterator[Relay]:
    """A relay at an address of a network; all that it keeps is in `directory`."""
    secret_file, configuration = directory / "turn-secret", directory / "turnserver.conf"
    secret_file.write_text(secret + "\n")
    configuration.write_text(_configuration(address, directory, secret))
    program = shutil.which("turnserver")
    assert program is not None, "no coturn: run scripts/install-e2e.sh"
    process = subprocess.Popen(
        network.command(program, "-c", str(configuration)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    log: list[str] = []
    listens = Event()
    reader = Thread(target=_read, args=(process.stdout, log, listens), daemon=True)
    reader.start()
    try:
        assert listens.wait(STARTED_TIMEOUT), f"it does not listen: {log}"
        yield Relay(address, secret, secret_file)
        assert process.poll() is None, log
    finally:
        process.kill()
        reader.join()
        process.communicate()  # waits, and closes the pipe


def _configuration(address: str, directory: Path, secret: str) -> str:
    lines = (
        f"listening-ip={address}",
        f"relay-ip={address}",
        f"listening-port={PORT}",
        f"realm={REALM}",
        "use-auth-secret",
        f"static-auth-secret={secret}",
        "fingerprint",
        "no-cli",
        "no-tls",
        "no-dtls",
        "log-file=stdout",
        "verbose",  # else it does not say that it listens
        f"pidfile={directory / 'turnserver.pid'}",
        f"userdb={directory / 'turndb'}",
    )
    return "\n".join((*lines, ""))


def _read(log: IO[str], lines: list[str], listens: Event) -> None:
    for line in log:
        lines.append(line.rstrip())
        if LISTENS in line:
            listens.set()
