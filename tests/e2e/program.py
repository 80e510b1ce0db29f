"""Programs: one that prints and ends, and one that is typed to and prints JSON."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from threading import Thread
from typing import IO, Any, Final, Protocol, TypeVar

from .service_process import client_environment

ISSUE_TIMEOUT: Final = 120.0  # s, an interpreter's cold start on a busy machine
EXIT_TIMEOUT: Final = 10.0  # s, above the 5 s in which a half-closed stream is flushed

Value = dict[str, Any]


class Closable(Protocol):
    """Whoever speaks with a running program."""

    def close(self) -> None:
        """End it, whatever it does."""


Kind = TypeVar("Kind", bound=Closable)


class Program:
    """One run, from its start to its exit code."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.printed: list[Value] = []  # all of it
        self._process = process
        self._unread: SimpleQueue[Value] = SimpleQueue()
        assert process.stdout is not None
        self._reader = Thread(target=self._read, args=(process.stdout,), daemon=True)
        self._reader.start()

    def types(self, line: str) -> None:
        """Type a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def prints(self, what: object, is_it: Callable[[Value], bool], timeout: float) -> Value:
        """The next value that is `what` is wanted; others are read past.

        Raises:
            AssertionError: it did not come within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        seen: list[Value] = []
        while not seen or not is_it(seen[-1]):
            try:
                seen.append(self._unread.get(timeout=max(0, deadline - time.monotonic())))
            except Empty:
                raise AssertionError(f"no {what} among {seen}") from None
        return seen[-1]

    def hang_up(self) -> None:
        """Type Ctrl-D."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def exit_code(self) -> int:
        """How it has ended by itself; nothing is printed any more."""
        code = self._process.wait(EXIT_TIMEOUT)
        self._reader.join()
        return code

    def close(self) -> None:
        """Close the window."""
        self._process.kill()
        self._reader.join()
        with self._process:  # waits, and closes the pipes
            pass

    def values(self, screen: Iterable[str]) -> Iterator[Value]:
        """What is printed: a value a line."""
        return (json.loads(line) for line in screen)

    def _read(self, screen: IO[str]) -> None:
        for value in self.values(screen):
            self.printed.append(value)
            self._unread.put(value)


@contextmanager
def running(kind: Callable[[subprocess.Popen[str]], Kind], *command: str) -> Iterator[Kind]:
    """A program that runs while the block does."""
    process = subprocess.Popen(
        command,
        env=client_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    program = kind(process)
    try:
        yield program
    finally:
        program.close()


def output_of(command: Sequence[str], timeout: float) -> str:
    """What a program prints that ends well, within so many seconds."""
    finished = subprocess.run(
        command,
        env=client_environment(),
        stdout=subprocess.PIPE,
        timeout=timeout,
        check=True,
        text=True,
    )
    return finished.stdout


def issue(*arguments: str) -> str:
    """What a command of the service prints that issues credentials."""
    return output_of((sys.executable, "-m", "signaling_service", *arguments), ISSUE_TIMEOUT)
