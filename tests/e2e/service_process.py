"""The service as a process of its own, from its first log line to its exit code."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final

from tests import canaries

from .network import Network

SERVING_TIMEOUT: Final = 20.0  # s, an interpreter's cold start on a busy machine
STOP_TIMEOUT: Final = 30.0  # s, above the 15 s within which a drain is over
MISTAKE_LEVELS: Final = frozenset({"error", "critical"})
COMMAND: Final = ("-m", "signaling_service", "serve", "--listen", "127.0.0.1:0")
FORWARDER: Final = str(Path(__file__).with_name("forwarder.py"))
FORWARD_PORT: Final = 50051


@dataclass
class Service:
    """A running service: where it listens, and what it has logged."""

    network: Network
    process: subprocess.Popen[str]
    address: str = ""
    log: list[dict[str, Any]] = field(default_factory=list)

    @property
    def mistakes(self) -> list[dict[str, Any]]:
        """What it has logged as its own error."""
        return [line for line in self.log if line.get("level") in MISTAKE_LEVELS]


@contextmanager
def serving(
    network: Network, *options: str, limits: Mapping[str, float] | None = None
) -> Iterator[Service]:
    """A service that serves, and that SIGTERM ends with exit code 0 and no error logged.

    Args:
        network: where it listens, on loopback.
        options: of its command line.
        limits: by the end of their variable's name, as `KEEPALIVE_SECONDS`.
    """
    variables = {f"SIGNALING_LIMIT_{name}": f"{value:g}" for name, value in (limits or {}).items()}
    process = subprocess.Popen(
        network.command(sys.executable, *COMMAND, *options),
        env=client_environment() | {"SIGNALING_METRICS_LISTEN": "off"} | variables,
        stderr=subprocess.PIPE,
        text=True,
    )
    service = Service(network, process)
    addresses: SimpleQueue[str | None] = SimpleQueue()
    reader = Thread(target=_read_log, args=(service, addresses), daemon=True)
    reader.start()
    try:
        service.address = _first(addresses, service)
        yield service
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_TIMEOUT) == 0, service.log
        reader.join()
        assert service.mistakes == []
    finally:
        process.kill()
        reader.join()
        process.communicate()  # waits, and closes the pipe


@contextmanager
def forwarding(service: Service, host: str) -> Iterator[str]:
    """Let others than the service's own network reach it; yields the address to connect to."""
    address = f"{host}:{FORWARD_PORT}"
    with forwarder(service, address):
        yield address


@contextmanager
def forwarder(service: Service, address: str) -> Iterator[subprocess.Popen[str]]:
    """What forwards to the service while the block runs; its end cuts all connections."""
    process = subprocess.Popen(
        service.network.command(sys.executable, FORWARDER, address, service.address),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "forwarding\n", "it does not forward"
        yield process
    finally:
        process.kill()
        process.communicate()  # waits, and closes the pipe


def client_environment() -> dict[str, str]:
    """The environment without proxies, which gRPC clients obey even on loopback."""
    return {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}


def _read_log(service: Service, addresses: "SimpleQueue[str | None]") -> None:
    assert service.process.stderr is not None
    for line in service.process.stderr:
        canaries.watch("the service's log", line)
        entry = _entry(line)
        service.log.append(entry)
        if entry.get("event") == "serving":
            addresses.put(entry["address"])
    addresses.put(None)  # it has exited


def _entry(line: str) -> dict[str, Any]:
    """One line of the log; what is no JSON is the interpreter's, and a mistake."""
    try:
        entry: dict[str, Any] = json.loads(line)
    except ValueError:
        return {"event": line.rstrip(), "level": "critical"}
    return entry


def _first(addresses: "SimpleQueue[str | None]", service: Service) -> str:
    try:
        address = addresses.get(timeout=SERVING_TIMEOUT)
    except Empty:
        address = None
    assert address is not None, f"it does not serve: {service.log}"
    return address
