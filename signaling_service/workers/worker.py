"""A worker as its supervisor sees it: a process, and a line to it."""

import asyncio
import json
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

from signaling_service.process import signals_wait


class Worker:
    """A worker's process. It ends by itself when this end of the line is gone."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        replies: asyncio.StreamReader,
        words: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._replies = replies
        self._words = words

    @classmethod
    async def start(cls, command: Sequence[str], number: int, options: Mapping[str, Any]) -> Self:
        """Start worker `number` with these options.

        Raises:
            OSError: there is no room for another process.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs, signals_wait():
                process = await asyncio.create_subprocess_exec(
                    *command, str(number), stdin=theirs.fileno()
                )
        except OSError:
            ours.close()
            raise
        worker = cls(process, *await asyncio.open_unix_connection(sock=ours))
        worker.tell(json.dumps(options, default=str))
        return worker

    async def reply(self) -> dict[str, Any]:
        """What it says next; nothing if it has gone."""
        try:
            line = await self._replies.readline()
        except ConnectionError:
            line = b""
        return dict(json.loads(line or b"{}"))

    def tell(self, word: str) -> None:
        """Say this to it, if it is still there."""
        self._words.write(word.encode() + b"\n")

    def kill(self) -> None:
        """End it at once."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def ended(self) -> int:
        """Wait for its end; returns the exit code, or the number of a signal below 0."""
        code = await self._process.wait()
        self._words.close()
        return code
