"""A device in a terminal: it prints a JSON line an event, and says what is typed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from .program import Program, Value, running

EVENT_TIMEOUT: Final = 20.0  # s, with the start of an interpreter and a backoff or two


class Device(Program):
    """One program, from its start to its exit code."""

    @property
    def events(self) -> list[Value]:
        """All that it has printed."""
        return self.printed

    def say(self, text: str) -> None:
        """Type a line, for the other side of the call."""
        self.types(text)

    def wait_for(self, event: str, **fields: object) -> Value:
        """The next event of this name with these fields; others are read past.

        Raises:
            AssertionError: it did not come in time.
        """
        wanted = {"event": event, **fields}
        return self.prints(
            wanted, lambda value: wanted.items() <= value.items(), timeout=EVENT_TIMEOUT
        )

    def leave(self) -> None:
        """Hang up, and let it end politely."""
        self.hang_up()
        assert self.exit_code() == 0, self.events


@contextmanager
def device(*command: str) -> Iterator[Device]:
    """A device that runs while the block does."""
    with running(Device, *command) as started:
        yield started
