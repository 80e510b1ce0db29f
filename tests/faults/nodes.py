"""Nodes of a cluster, each a process on a port that it keeps."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, Final, Self

from tests.transport.node import Node
from tests.valkey.ports import free_port

MOST_LINES: Final = 50  # of a log, when something went wrong
# devices of tests talk fast, and ping often to find out about a node that hangs
_LIMITS: Final = {
    "SIGNALING_LIMIT_OTHERS_PER_SECOND": "10000",
    "SIGNALING_LIMIT_OTHERS_BURST": "10000",
    "SIGNALING_LIMIT_OFFERS_PER_SECOND": "10000",
    "SIGNALING_LIMIT_OFFERS_BURST": "10000",
    "SIGNALING_LIMIT_CANDIDATES_PER_SECOND": "10000",
    "SIGNALING_LIMIT_CANDIDATES_BURST": "10000",
    "SIGNALING_LIMIT_CLIENT_PING_SECONDS": "0.5",
}


class Process(Node):
    """A node that may be broken."""

    @property
    def log(self) -> list[dict[str, Any]]:
        """Its log, with what gRPC's core says beside it: that a peer went away is no more."""
        lines = [line for line in self.lines if not line.startswith("I")]
        return [json.loads(line) if line.startswith("{") else _foreign(line) for line in lines]

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)


def _foreign(line: str) -> dict[str, Any]:
    return {"event": line, "level": "error"}


class Place:
    """An address, and the node that runs there, if any."""

    def __init__(self, backend: str, options: Sequence[str]) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.node: Process | None = None
        self.logs: list[dict[str, Any]] = []  # of the nodes before
        self._options = ("--backend", backend, *options)

    async def start(self) -> None:
        """Start a node and wait until it serves."""
        assert self.node is None
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SIGNALING_")}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "signaling_service", "serve", "--listen", self.address),
            *self._options,
            env=environment | {"SIGNALING_METRICS_LISTEN": "off"} | _LIMITS,
            stderr=asyncio.subprocess.PIPE,
        )
        self.node = Process(process)
        await self.node.logs("serving")

    async def kill(self) -> None:
        """End it as a crash does."""
        if self.node is not None:
            await self.node.close()
            self._keep_log()

    async def drains(self) -> int:
        """Send SIGTERM, and wait for the exit code."""
        assert self.node is not None
        self.node.terminate()
        code = await self.node.exits()
        self._keep_log()
        return code

    def stop(self) -> None:
        """Let it hang: it keeps its connections and says nothing."""
        assert self.node is not None
        self.node.signal(signal.SIGSTOP)

    def cont(self) -> None:
        """Let it go on after `stop`."""
        assert self.node is not None
        self.node.signal(signal.SIGCONT)

    @property
    def log(self) -> list[dict[str, Any]]:
        """What every node here has logged."""
        return self.logs + (self.node.log if self.node is not None else [])

    def _keep_log(self) -> None:
        self.logs = self.log
        self.node = None


class Nodes:
    """A cluster: `async with` starts all its nodes, each with its own backend URL."""

    def __init__(self, *backends: str, options: Sequence[str] = ()) -> None:
        self.places = [Place(backend, options) for backend in backends]
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for place in self.places:
                stack.push_async_callback(place.kill)
            async with asyncio.TaskGroup() as group:
                for place in self.places:
                    group.create_task(place.start())
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await self._stack.aclose()
        if kind is not None:
            for place in self.places:
                _print([{"node": place.address}, *place.log[-MOST_LINES:]])

    def __getitem__(self, index: int) -> Place:
        return self.places[index]

    @property
    def addresses(self) -> list[str]:
        """Where its nodes are, running or not."""
        return [place.address for place in self.places]

    def check_logs(self) -> None:
        """Its nodes have logged no error of their own; else print what they have."""
        lines = [line for place in self.places for line in place.log]
        errors = [line for line in lines if line["level"] in ("error", "critical")]
        mistakes = [line for line in errors if line["event"] != "backend_away"]
        _print(mistakes[:MOST_LINES])
        assert not mistakes


def _print(lines: Sequence[dict[str, Any]]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
