"""A device in a terminal: it prints a JSON line an event, and says what is typed."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from threading import Thread
from typing import IO, Any, Final

from .service_process import client_environment

EVENT_TIMEOUT: Final = 20.0  # s, with the start of an interpreter and a backoff or two
EXIT_TIMEOUT: Final = 10.0  # s, above the 5 s in which a half-closed stream is flushed

Event = dict[str, Any]


class Device:
    """One program, from its start to its exit code."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.events: list[Event] = []  # all that it has printed
        self._process = process
        self._events: SimpleQueue[Event] = SimpleQueue()
        assert process.stdout is not None
        self._reader = Thread(target=self._read, args=(process.stdout,), daemon=True)
        self._reader.start()

    def say(self, text: str) -> None:
        """Type a line, for the other side of the call."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n")
        self._process.stdin.flush()

    def wait_for(self, event: str, **fields: object) -> Event:
        """The next event of this name with these fields; others are read past.

        Raises:
            AssertionError: it did not come in time.
        """
        wanted = {"event": event, **fields}
        deadline = time.monotonic() + EVENT_TIMEOUT
        seen: list[Event] = []
        while not seen or not wanted.items() <= seen[-1].items():
            try:
                seen.append(self._events.get(timeout=max(0, deadline - time.monotonic())))
            except Empty:
                raise AssertionError(f"no {wanted} among {seen}") from None
        return seen[-1]

    def hang_up(self) -> None:
        """Type Ctrl-D: hang up, then leave."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def exit_code(self) -> int:
        """How it has ended by itself; nothing is printed any more."""
        code = self._process.wait(EXIT_TIMEOUT)
        self._reader.join()
        return code

    def leave(self) -> None:
        """Hang up, and let it end politely."""
        self.hang_up()
        assert self.exit_code() == 0, self.events

    def close(self) -> None:
        """Close the window."""
        self._process.kill()
        self._reader.join()
        with self._process:  # waits, and closes the pipes
            pass

    def _read(self, screen: IO[str]) -> None:
        for line in screen:
            self.events.append(json.loads(line))
            self._events.put(self.events[-1])


@contextmanager
def device(*command: str) -> Iterator[Device]:
    """A device that runs while the block does."""
    process = subprocess.Popen(
        command,
        env=client_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    running = Device(process)
    try:
        yield running
    finally:
        running.close()
