"""Somebody's web server that takes posts, and answers what a test wants."""

import asyncio
import json
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from google.protobuf import json_format
from signaling.v1 import calls_pb2 as calls

from tests.devices import PATIENCE


class Reply(NamedTuple):
    """What it answers."""

    status: int = 204
    headers: Mapping[str, str] = {}


class Posted(NamedTuple):
    """A request, as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: object

    @property
    def id(self) -> str:
        """What tells an event that comes again."""
        return self.headers["webhook-id"]

    @property
    def event(self) -> calls.SignalingEvent:
        """What it tells."""
        return json_format.Parse(self.body, calls.SignalingEvent())

    @property
    def name(self) -> str:
        """The call and the kind, as `call kind`."""
        ((kind, member),) = [
            (key, value) for key, value in json.loads(self.body).items() if "callId" in value
        ]
        return f"{member['callId']} {kind}"


class Hook:
    """Its `answer` may change at any time, and may take its time: each request has a thread."""

    def __init__(self) -> None:
        self.answer: Callable[[Posted], Reply] = lambda _posted: Reply()
        self.posts: list[Posted] = []  # all of them, as they came
        self.taken: list[Posted] = []  # those it was glad of, in the order of its answers
        self.url = ""
        self.most_at_once = 0
        self._at_once = 0
        self._changed = threading.Condition()

    @property
    def names(self) -> list[str]:
        """What was taken."""
        return [posted.name for posted in self.taken]

    async def has(self, holds: Callable[["Hook"], bool]) -> None:
        """Wait until something is so."""

        def wait() -> None:
            with self._changed:
                assert self._changed.wait_for(lambda: holds(self), PATIENCE), len(self.posts)

        await asyncio.to_thread(wait)

    async def has_taken(self, count: int) -> None:
        """Wait until it has taken so many."""
        await self.has(lambda hook: len(hook.taken) >= count)

    def took(self, posted: Posted) -> Reply:
        """Answer a request."""
        with self._changed:
            self.posts.append(posted)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self._changed.notify_all()
        reply = self.answer(posted)
        with self._changed:
            self._at_once -= 1
            if 200 <= reply.status < 300:
                self.taken.append(posted)
            self._changed.notify_all()
        return reply


def _handler(hook: Hook) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            body = self.rfile.read(length)
            if len(body) < length:  # cut: the sender has gone
                self.close_connection = True
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = hook.took(Posted(self.path, headers, body, self.connection))
            self.send_response(reply.status)
            for name, value in {"content-length": "0", **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing: what came is kept."""

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Say nothing when a node hangs up: that is what some tests are about."""


@asynccontextmanager
async def hooking(tls: ssl.SSLContext | None = None) -> AsyncIterator[Hook]:
    """A server that runs."""
    hook = Hook()
    server = _Server(("127.0.0.1", 0), _handler(hook))
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    hook.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}/hook?from=here"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield hook
    finally:
        await asyncio.to_thread(server.shutdown)
        thread.join()
        server.server_close()
