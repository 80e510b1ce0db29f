"""A device in a process of its own that is told what to do, and tells what happens."""

import json
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from threading import Condition, Thread
from typing import Any, Final

from .network import Network
from .program import running

EVENT_TIMEOUT: Final = 30.0  # s, for what happens at once, on a busy machine
LEAVE_TIMEOUT: Final = 30.0  # s, above the 5 s in which a half-closed stream is flushed

Event = dict[str, Any]


class Endpoint:
    """A running device."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.events: list[Event] = []
        self._process = process
        self._changed = Condition()
        self._has_exited = False
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def do(self, action: str, **particulars: object) -> None:
        """Tell it what to do."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": action, **particulars}) + "\n")
        self._process.stdin.flush()

    def wait_for(
        self, event: str, *, after: float = 0, timeout: float = EVENT_TIMEOUT, **fields: object
    ) -> Event:
        """The first such event that happened after a point in time; seconds since 1970.

        Raises:
            AssertionError: it did not happen in time, or never will.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while not (found := self.all(event, after=after, **fields)):
                left = deadline - time.monotonic()
                assert left > 0, f"no {event} {fields} within {timeout} s among {self.events}"
                assert not self._has_exited, f"no {event} {fields} among {self.events}"
                self._changed.wait(left)
        return found[0]

    def all(self, event: str, *, after: float = 0, **fields: object) -> list[Event]:
        """All such events that happened after a point in time."""
        return [
            one
            for one in self.events
            if one["event"] == event and one.get("at", 0) > after and one.items() >= fields.items()
        ]

    def expect_no(self, event: str, *, until: float) -> None:
        """Nothing of the kind happens until a point in time; seconds since 1970.

        Raises:
            AssertionError: it happened, or the device is gone.
        """
        with self._changed:
            while (left := until - time.time()) > 0:
                assert not self._has_exited, self.events
                assert not self.all(event), self.events
                self._changed.wait(left)

    def freeze(self) -> float:
        """Stop the process where it stands; returns when."""
        self._process.send_signal(signal.SIGSTOP)
        return time.time()

    def thaw(self) -> float:
        """Let a frozen process go on; returns when."""
        self._process.send_signal(signal.SIGCONT)
        return time.time()

    def leave(self) -> None:
        """Let it end politely: nothing is wrong, and it has heard all there was to hear."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(LEAVE_TIMEOUT) == 0, self.events
        self._reader.join()
        assert self.events[-1] == {"event": "done"}, self.events

    def close(self) -> None:
        """End it, frozen or not."""
        self._process.kill()
        self._reader.join()
        with self._process:  # waits, and closes the pipes
            pass

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self.events.append(json.loads(line))
                self._changed.notify_all()
        with self._changed:
            self._has_exited = True
            self._changed.notify_all()


def endpoint(network: Network, command: Sequence[str]) -> AbstractContextManager[Endpoint]:
    """An endpoint in a network."""
    return running(Endpoint, *network.command(*command))
