"""A person at a terminal: `buf curl` with a stream that is typed into."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import IO, Any, Final

from .service_process import Service, client_environment

BUF: Final = str(Path(sys.executable).with_name("buf"))
GRPC: Final = ("--protocol", "grpc", "--http2-prior-knowledge")
RESPONSE_TIMEOUT: Final = 10.0  # s, with the start of the program and its look at the reflection
EXIT_TIMEOUT: Final = 10.0  # s, above the 5 s in which a half-closed stream is flushed

Response = dict[str, Any]


class Terminal:
    """One stream in one terminal: requests are typed, responses are read from the screen."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._responses: SimpleQueue[Response] = SimpleQueue()
        assert process.stdout is not None
        self._reader = Thread(target=self._read, args=(process.stdout,), daemon=True)
        self._reader.start()

    def type(self, **request: object) -> None:
        """Type one request, a line of JSON."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()

    def wait_for(self, payload: str) -> Response:
        """The next response with this member; others are read past.

        Raises:
            AssertionError: it did not come in time.
        """
        deadline = time.monotonic() + RESPONSE_TIMEOUT
        seen: list[Response] = []
        while not seen or payload not in seen[-1]:
            try:
                seen.append(self._responses.get(timeout=max(0, deadline - time.monotonic())))
            except Empty:
                raise AssertionError(f"no {payload} among {seen}") from None
        return seen[-1]

    def leave(self) -> int:
        """Type Ctrl-D, and return the exit code."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._process.wait(EXIT_TIMEOUT)

    def close(self) -> None:
        """Close the window."""
        self._process.kill()
        self._reader.join()
        with self._process:  # waits, and closes the pipes
            pass

    def _read(self, screen: IO[str]) -> None:
        """Cut what is printed into JSON values: one may be spread over many lines."""
        decoder, text = json.JSONDecoder(), ""
        for line in screen:
            text = (text + line).lstrip()
            try:
                response, end = decoder.raw_decode(text)
            except ValueError:
                continue  # not whole yet
            text = text[end:]
            self._responses.put(response)


@contextmanager
def terminal(service: Service, user_id: str, device_id: str) -> Iterator[Terminal]:
    """A terminal in which `buf curl` waits for the first request of a device."""
    identity = ("-H", f"user-id: {user_id}", "-H", f"device-id: {device_id}")
    url = f"http://{service.address}/signaling.v1.SignalingService/Connect"
    process = subprocess.Popen(
        [BUF, "curl", *GRPC, *identity, "-d", "@-", url],
        env=client_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    screen = Terminal(process)
    try:
        yield screen
    finally:
        screen.close()


def look(service: Service, what: str) -> list[str]:
    """The lines that `buf curl` prints for `--list-services` or `--list-methods`."""
    finished = subprocess.run(
        [BUF, "curl", *GRPC, what, f"http://{service.address}"],
        env=client_environment(),
        stdout=subprocess.PIPE,
        timeout=RESPONSE_TIMEOUT,
        check=True,
        text=True,
    )
    return finished.stdout.splitlines()
