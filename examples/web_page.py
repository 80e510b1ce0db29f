"""A service with its WebSocket edge, and the page to try calls between browsers: `make web`.

Everything listens on loopback alone, where names are taken at their word, unless another
address is asked for: see `web_door`.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs

from rich.console import Console
from rich.panel import Panel

from examples.web_build import BuildError, build
from examples.web_door import Door, door_at
from signaling_service.loopback import is_loopback

HOST: Final = "127.0.0.1"
SERVE: Final = ("-m", "signaling_service", "serve", f"--listen={HOST}:0")
STOP_TIMEOUT: Final = 30.0  # s, above the 15 s within which a drain is over
POLICY: Final = "default-src 'self'; connect-src 'self' ws: wss:; frame-ancestors 'none'"


class CannotServeError(Exception):
    """The service or the page cannot start; the text is for a person."""


class PageHandler(SimpleHTTPRequestHandler):
    """Serves a built page, and tells it where the service is."""

    def __init__(
        self, *particulars: Any, service_url: str, door: Door | None, directory: str
    ) -> None:
        self._service_url = service_url
        self._door = door
        super().__init__(*particulars, directory=directory)

    def do_GET(self) -> None:
        """Answer with a file of the page, with where the service is, or with a token for it."""
        path, _, query = self.path.partition("?")
        if path == "/service.json":
            self._say({"url": self._service_url, "takesTokens": self._door is not None})
        elif path == "/token.json" and self._door is not None:
            asked = parse_qs(query)
            user, device = ("".join(asked.get(name, [])) for name in ("user", "device"))
            self._say({"token": self._door.token(user, device)})
        else:
            super().do_GET()

    def _say(self, what: object) -> None:
        body = json.dumps(what).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def end_headers(self) -> None:
        """Add what every answer says."""
        self.send_header("Cache-Control", "no-store")  # it is built anew all the time
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing: the terminal shows where to go, and stays like that."""


class Place(NamedTuple):
    """Where the page is to be; port 0 is any."""

    host: str
    port: int
    door: Door | None  # None: on this machine

    def url_of(self, scheme: str, address: str) -> str:
        """A URL there, with or without TLS."""
        return f"{scheme}{'' if self.door is None else 's'}://{address}/"


def page_server(directory: Path, place: Place, service_url: str) -> ThreadingHTTPServer:
    """A server for the built page in `directory`, not yet running.

    Raises:
        CannotServeError: the address is taken, or none of this machine.
    """
    handler = partial(
        PageHandler, service_url=service_url, door=place.door, directory=str(directory)
    )
    try:
        server = ThreadingHTTPServer((place.host, place.port), handler)
    except OSError as error:
        text = f"{place.host}:{place.port}: {error.strerror}; make web HOST=… PORT=… is another"
        raise CannotServeError(text) from error
    if place.door is not None:  # each handshake in the thread of its request
        server.socket = place.door.tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    return server


class Service(NamedTuple):
    """Where a running service is."""

    grpc_address: str
    websocket_address: str


@contextmanager
def serving(*options: str) -> Iterator[Service]:
    """A service of the page's own."""
    process = subprocess.Popen(  # noqa: S603 - a command line of our own
        [sys.executable, *SERVE, *options],
        env=os.environ | {"SIGNALING_METRICS_LISTEN": "off"},  # another one may have the port
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for us; we tell the service
    )
    try:
        yield _started(process)
    finally:
        process.terminate()
        process.wait(STOP_TIMEOUT)


def _started(process: subprocess.Popen[str]) -> Service:
    if process.stderr is None:
        raise AssertionError("stderr is a pipe")
    told = []
    for line in process.stderr:
        told.append(line)
        entry = json.loads(line) if line.startswith("{") else {}
        if entry.get("event") == "serving":
            # somebody has to read on, or the service waits for that one day
            Thread(target=deque, args=(process.stderr, 0), daemon=True).start()
            return Service(entry["address"], entry["websocket_address"])
    raise CannotServeError(f"the service does not start:\n{''.join(told)}")


def show(console: Console, url: str, service: Service, place: Place) -> None:
    """Tell a person where to go, and what to do there."""
    lines = [
        f"[bold]Open [link={url}]{url}[/link][/bold] in two tabs",
        "",
        "Sign in as [cyan]alice[/] in one and as [cyan]bob[/] in the other, and ring.",
    ]
    if place.door is not None:
        edge = place.url_of("http", service.websocket_address)
        lines[0] += ", on any machines here"
        lines += [
            "The certificate is signed by nobody a browser knows: go on past its warning,",
            f"and where it does not connect also at [link={edge}]{edge}[/link]",
            "[dim]Whoever can reach it may take any name. Ctrl-C stops it.[/]",
        ]
    else:
        if service.grpc_address:
            watch = f"signalctl --target {service.grpc_address} watch"
            lines += [f"Look on from a terminal: [cyan]{watch}[/]"]
        lines += ["[dim]Only this machine can reach it. Ctrl-C stops it.[/]"]
    console.print(Panel("\n".join(lines), title="Try a call", expand=False, padding=(1, 3)))


@contextmanager
def edge_of(arguments: argparse.Namespace, door: Door | None) -> Iterator[Service]:
    """The service that is named, or one of the page's own."""
    if arguments.edge:
        yield Service("", arguments.edge)
        return
    options = () if door is None else door.options
    edge = f"--websocket-listen={arguments.host}:0"
    with serving(edge, *options, *arguments.options) as service:
        yield service


@contextmanager
def place_of(arguments: argparse.Namespace) -> Iterator[Place]:
    """Where the page is wanted, with all that it takes there."""
    host, port = arguments.host, arguments.port
    if is_loopback(host):
        yield Place(host, port, None)
        return
    try:
        with door_at(host, port) as door:
            yield Place(host, port, door)
    except ValueError as error:
        raise CannotServeError(f"{host}: {error}") from error


def main(arguments: argparse.Namespace, console: Console) -> int:
    """Serve until Ctrl-C; 1 if something cannot start."""
    try:
        with console.status("Building the page …"):
            directory = build()
        with place_of(arguments) as place, edge_of(arguments, place.door) as service:
            edge = place.url_of("ws", service.websocket_address)
            with page_server(directory, place, edge) as server:
                url = place.url_of("http", f"{place.host}:{server.server_port}")
                show(console, url, service, place)
                server.serve_forever()
    except (BuildError, CannotServeError) as error:
        console.print(f"[bold red]{error}[/]", highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped.")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A page to try calls between browsers.")
    parser.add_argument("--host", default=HOST, help="the page's; elsewhere than here with https")
    parser.add_argument("--port", type=int, default=8080, help="the page's; 0 is any")
    parser.add_argument("--edge", metavar="HOST:PORT", help="that of a service that runs already")
    parser.add_argument("options", nargs="*", help="of the service, behind --")
    # whoever stops us like this is obeyed as well
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(parser.parse_args(), Console()))
