"""Whoever takes the posts: a URL, and the few connections that are kept to it.

The standard library's client, on threads of its own: it follows no redirect, so a signature
goes to the URL and nowhere else, and a hook is no reason to install another package.
"""

import asyncio
import email.utils
import socket
import ssl
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final, NamedTuple
from urllib.parse import urlsplit

TIMEOUT: Final = 10.0  # s; from the beginning of a post to the end of its answer
AT_ONCE: Final = 16  # posts; a receiver that takes 100 ms for each gets 160 a second
MAX_ANSWER_BYTES: Final = 16 * 1024  # of a connection that is kept; nobody reads them
MAX_WAIT: Final = 600.0  # s; that a receiver may ask for: an event is worth telling for an hour
SUCCESS: Final = range(200, 300)
OVERLOADED: Final = frozenset({429, 503})
OWN_FAULT: Final = frozenset({408, 429})  # among the codes that blame the request


class Answer(NamedTuple):
    """What became of a post: an HTTP status, or an error, the name of what went wrong.

    `retry_after` is how long the receiver wants to be left alone; seconds.
    """

    status: int = 0
    error: str = ""
    retry_after: float | None = None

    @property
    def is_taken(self) -> bool:
        """Whether the receiver has it."""
        return self.status in SUCCESS

    @property
    def is_away(self) -> bool:
        """Whether the receiver is not well, whatever the post."""
        return not self.status or self.status >= 500 or self.status in OWN_FAULT  # noqa: PLR2004 - RFC 9110 §15.6

    @property
    def pause(self) -> float | None:
        """How long it wants no posts at all."""
        return self.retry_after if self.status in OVERLOADED else None


class Receiver:
    """Takes posts at a URL, at most `AT_ONCE`; a proxy in the environment is not used.

    Args:
        url: `https:`, or `http:` on loopback. `SSL_CERT_FILE` in the environment names
            other roots than the system's.
        timeout: for the whole of a post; seconds.
    """

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        self._url = urlsplit(url)
        self._target = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
        self._timeout = timeout
        self._tls = ssl.create_default_context() if self._url.scheme == "https" else None
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhook")
        self._idle: list[HTTPConnection] = []

    async def post(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send it, and wait for the answer; never fails, and never takes longer than `timeout`."""
        exchange = _Exchange(self._idle.pop() if self._idle else self._connection())
        running = self._threads.submit(exchange.run, self._target, headers, body)
        try:
            async with asyncio.timeout(self._timeout):
                # shielded: a thread cannot be cancelled, and its answer is nobody's then
                answer = await asyncio.shield(asyncio.wrap_future(running))
        except TimeoutError:
            exchange.cut(running)
            return Answer(error="TimeoutError")
        except asyncio.CancelledError:
            exchange.cut(running)
            raise
        if exchange.connection.sock is not None:
            self._idle.append(exchange.connection)
        return answer

    def close(self) -> None:
        """Take no more, once no post is under way."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _connection(self) -> HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._tls is None:
            return HTTPConnection(host, port, timeout=self._timeout)
        return HTTPSConnection(host, port, timeout=self._timeout, context=self._tls)


class _Exchange:
    """One post and its answer, on a thread, which may be given up from another."""

    def __init__(self, connection: HTTPConnection) -> None:
        self.connection = connection
        self._is_cut = threading.Event()

    def run(self, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Never fails; leaves the connection open if it can be used again."""
        was_used = self.connection.sock is not None
        try:
            try:
                return self._ask(target, headers, body)
            except (ConnectionError, ssl.SSLEOFError):
                if not was_used:
                    raise
                self.connection.close()  # it was kept for too long: the next one is new
                return self._ask(target, headers, body)
        except (OSError, HTTPException, ValueError) as error:
            self.connection.close()
            return Answer(error=type(error).__name__)

    def cut(self, running: Future[Answer]) -> None:
        """Let the thread find the connection broken, and send nothing more."""
        self._is_cut.set()
        running.add_done_callback(lambda _running: self.connection.close())
        if (sock := self.connection.sock) is not None:
            with suppress(OSError):
                # not the method of a TLS socket, which is not for two threads
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _ask(self, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if self._is_cut.is_set():
            raise ConnectionAbortedError
        self.connection.request("POST", target, body, dict(headers))
        response = self.connection.getresponse()
        answer = Answer(response.status, retry_after=_wait_of(response.getheader("retry-after")))
        is_whole = len(response.read(MAX_ANSWER_BYTES)) < MAX_ANSWER_BYTES
        if response.will_close or not is_whole:
            self.connection.close()
        return answer


def _wait_of(text: str | None) -> float | None:
    """Seconds, from seconds or a date (RFC 9110, 10.2.3)."""
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            then = email.utils.parsedate_to_datetime(text)
            now = email.utils.localtime()
            seconds = (then - now).total_seconds()
        except (TypeError, ValueError):
            return None
    return min(max(seconds, 0.0), MAX_WAIT) if seconds == seconds else None  # noqa: PLR0124 - nan
