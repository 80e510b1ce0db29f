"""A person at a terminal: `buf curl` with a stream that is typed into."""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from .program import Program, Value, output_of, running
from .service_process import Service

BUF: Final = str(Path(sys.executable).with_name("buf"))
GRPC: Final = ("--protocol", "grpc", "--http2-prior-knowledge")
RESPONSE_TIMEOUT: Final = 10.0  # s, with the start of the program and its look at the reflection


class Terminal(Program):
    """One stream in one terminal: requests are typed, responses are read from the screen."""

    def type(self, **request: object) -> None:
        """Type one request, a line of JSON."""
        self.types(json.dumps(request))

    def wait_for(self, payload: str) -> Value:
        """The next response with this member; others are read past.

        Raises:
            AssertionError: it did not come in time.
        """
        return self.prints(payload, lambda value: payload in value, timeout=RESPONSE_TIMEOUT)

    def leave(self) -> int:
        """Type Ctrl-D, and return the exit code."""
        self.hang_up()
        return self.exit_code()

    def values(self, screen: Iterable[str]) -> Iterator[Value]:
        """Cut what is printed into JSON values: one may be spread over many lines."""
        decoder, text = json.JSONDecoder(), ""
        for line in screen:
            text = (text + line).lstrip()
            try:
                value, end = decoder.raw_decode(text)
            except ValueError:
                continue  # not whole yet
            text = text[end:]
            yield value


@contextmanager
def terminal(service: Service, user_id: str, device_id: str) -> Iterator[Terminal]:
    """A terminal in which `buf curl` waits for the first request of a device."""
    identity = ("-H", f"user-id: {user_id}", "-H", f"device-id: {device_id}")
    url = f"http://{service.address}/signaling.v1.SignalingService/Connect"
    with running(Terminal, BUF, "curl", *GRPC, *identity, "-d", "@-", url) as screen:
        yield screen


def look(service: Service, what: str) -> list[str]:
    """The lines that `buf curl` prints for `--list-services` or `--list-methods`."""
    command = (BUF, "curl", *GRPC, what, f"http://{service.address}")
    return output_of(command, RESPONSE_TIMEOUT).splitlines()
