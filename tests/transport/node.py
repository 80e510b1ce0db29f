"""A node as a process of its own: its log, its signals, its exit code."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests import canaries
from tests.devices import PATIENCE, User


class Node:
    """A running `signaling-service serve`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.address = ""
        self.lines: list[str] = []  # of its log
        self._process = process
        self._has_logged = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    @property
    def log(self) -> list[dict[str, Any]]:
        """Its log, which has to be JSON."""
        return [json.loads(line) for line in self.lines]

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    async def logs(self, event: str, times: int = 1) -> dict[str, Any]:
        """Wait until it has logged this event so many times; returns the last of them."""

        def has_come() -> bool:
            return self._reader_is_over or len(self._find(event)) >= times

        async with asyncio.timeout(2 * PATIENCE), self._has_logged:  # it starts cold
            await self._has_logged.wait_for(has_come)
        return self._find(event)[times - 1]

    def terminate(self) -> None:
        """Send it SIGTERM."""
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it."""
        self._process.kill()

    async def exits(self) -> int:
        """Wait until it has exited; returns its exit code."""
        async with asyncio.timeout(PATIENCE):
            await self._reader
            return await self._process.wait()

    async def close(self) -> None:
        """Kill it, if it still runs."""
        if self._process.returncode is None:
            self._process.kill()
        await self.exits()

    @property
    def _reader_is_over(self) -> bool:
        return self._process.stderr is None or self._process.stderr.at_eof()

    def _find(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line["event"] == event]

    async def _read(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            async with self._has_logged:
                self.lines.append(line.decode().rstrip())
                canaries.watch("a node's log", self.lines[-1])
                self._has_logged.notify_all()
        async with self._has_logged:
            self._has_logged.notify_all()


async def start(*options: str, **variables: str) -> Node:
    """Start a node on a port of its own, unless `options` say otherwise."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SIGNALING_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "signaling_service", "serve", "--listen", "127.0.0.1:0"),
        *options,
        env=environment | {"SIGNALING_METRICS_LISTEN": "off"} | variables,
        stderr=asyncio.subprocess.PIPE,
    )
    return Node(process)


@asynccontextmanager
async def running(*options: str, **variables: str) -> AsyncIterator[Node]:
    """A node that serves."""
    node = await start(*options, **variables)
    try:
        node.address = (await node.logs("serving"))["address"]
        yield node
    finally:
        await node.close()


@asynccontextmanager
async def people(node: Node, *names: str) -> AsyncIterator[list[User]]:
    """Users of a node."""
    users = [User(name, node.address) for name in names]
    try:
        yield users
    finally:
        for user in users:
            await user.close()
