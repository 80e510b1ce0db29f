"""`signalctl` in a process of its own, on a terminal of 80 columns."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

from tests import canaries
from tests.devices import PATIENCE

WIDTH: Final = 80
START: Final = 4 * PATIENCE  # s; the interpreter starts cold, on a busy machine


class Said(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """What `--json` has printed: stdout has to be that and nothing else."""
        return [json.loads(line) for line in self.out.splitlines()]


class Command:
    """A command that runs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._out: list[str] = []
        self._err: list[str] = []
        self._has_said = asyncio.Condition()
        self._readers = [
            asyncio.create_task(self._read(process.stdout, self._out)),
            asyncio.create_task(self._read(process.stderr, self._err)),
        ]

    async def says(self, pattern: str, times: int = 1) -> str:
        """Wait until so many lines match; returns the last of them."""

        def found() -> list[str]:
            return [line for line in (*self._out, *self._err) if re.search(pattern, line)]

        def has_come() -> bool:
            return len(found()) >= times or all(reader.done() for reader in self._readers)

        async with asyncio.timeout(START), self._has_said:
            await self._has_said.wait_for(has_come)
        assert len(found()) >= times, f"no {pattern} in {self._out} {self._err}"
        return found()[times - 1]

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> None:
        """Press Ctrl-C."""
        self._process.send_signal(number)

    async def ends(self) -> Said:
        """Wait until it has ended."""
        async with asyncio.timeout(START):
            await asyncio.gather(*self._readers)
            code = await self._process.wait()
        said = Said(code, "".join(self._out), "".join(self._err))
        assert "Traceback" not in said.err, said.err
        return said

    async def close(self) -> None:
        """Kill it, if it still runs."""
        if self._process.returncode is None:
            self._process.kill()
        await asyncio.gather(*self._readers)
        await self._process.wait()

    async def _read(self, stream: asyncio.StreamReader | None, lines: list[str]) -> None:
        assert stream is not None
        async for line in stream:
            canaries.watch("the terminal", line)
            async with self._has_said:
                lines.append(line.decode())
                self._has_said.notify_all()
        async with self._has_said:
            self._has_said.notify_all()


@asynccontextmanager
async def typing(address: str, *arguments: str, **variables: str) -> AsyncIterator[Command]:
    """A command that runs against the service there."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("SIGNALCTL_", "SIGNALING_"))}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "signaling_service.ctl", *arguments),
        env=keep | {"SIGNALCTL_TARGET": address, "COLUMNS": str(WIDTH)} | variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    command = Command(process)
    try:
        yield command
    finally:
        await command.close()


async def typed(address: str, *arguments: str, **variables: str) -> Said:
    """What a command prints, run to its end."""
    async with typing(address, *arguments, **variables) as command:
        return await command.ends()
