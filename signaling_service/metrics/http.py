"""HTTP for whoever watches a node: `/metrics`, `/livez`, `/readyz`, on a thread of its own."""

import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from socketserver import ThreadingMixIn
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

TIMEOUT: Final = 10  # s; somebody who opens a connection and says nothing is gone then
SILENCE: Final = 10.0  # s; an event loop that has not turned for so long does not come back

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Answer = tuple[HTTPStatus, str]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    timeout = TIMEOUT

    def log_message(self, *_args: Any) -> None:
        """Log nothing: a probe comes every few seconds."""


class HttpServer:
    """Serves what is scraped and what is probed.

    Args:
        registry: of the metrics.
        silence: how long ago the event loop has turned; seconds.
        is_ready: whether the node serves devices.

    Both are called on another thread.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        silence: Callable[[], float],
        is_ready: Callable[[], bool],
    ) -> None:
        self._metrics: Wsgi = make_wsgi_app(registry)
        self._probes: Mapping[str, Callable[[], Answer]] = {
            "/livez": lambda: _liveness(silence()),
            "/readyz": lambda: _readiness(is_ready=is_ready()),
        }
        self._server: WSGIServer | None = None
        self._host = ""

    @property
    def address(self) -> str:
        """Where it serves, "" while it does not."""
        return f"{self._host}:{self._server.server_port}" if self._server is not None else ""

    def serve(self, host: str, port: int) -> None:
        """Listen there.

        Raises:
            OSError: the address cannot be listened on.
        """
        family = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0][0]
        kind = type("_Server", (_Server,), {"address_family": family})
        self._server = make_server(host.strip("[]"), port, self._answer, kind, _Handler)
        self._host = host
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Serve no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _answer(self, request: dict[str, Any], respond: Callable[..., Any]) -> Iterable[bytes]:
        path = request["PATH_INFO"]
        if path == "/metrics":
            return self._metrics(request, respond)
        status, text = self._probes.get(path, _unknown)()
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")]
        respond(f"{status.value} {status.phrase}", headers)
        return [f"{text}\n".encode()]


def _liveness(silence: float) -> Answer:
    if silence > SILENCE:
        return HTTPStatus.SERVICE_UNAVAILABLE, f"the event loop stands still for {silence:.0f} s"
    return HTTPStatus.OK, "alive"


def _readiness(*, is_ready: bool) -> Answer:
    if is_ready:
        return HTTPStatus.OK, "ready"
    return HTTPStatus.SERVICE_UNAVAILABLE, "not ready"


def _unknown() -> Answer:
    return HTTPStatus.NOT_FOUND, "there are /metrics, /livez and /readyz"
