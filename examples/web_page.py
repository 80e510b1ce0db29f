"""A service with its WebSocket edge, and the page to try calls between browsers: `make web`.

Everything listens on loopback alone: names are taken at their word here.
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

from rich.console import Console
from rich.panel import Panel

from examples.web_build import BuildError, build

HOST: Final = "127.0.0.1"
SERVE: Final = ("-m", "signaling_service", "serve", f"--listen={HOST}:0")
EDGE: Final = f"--websocket-listen={HOST}:0"
STOP_TIMEOUT: Final = 30.0  # s, above the 15 s within which a drain is over
POLICY: Final = "default-src 'self'; connect-src 'self' ws: wss:; frame-ancestors 'none'"


class CannotServeError(Exception):
    """The service or the page cannot start; the text is for a person."""


class PageHandler(SimpleHTTPRequestHandler):
    """Serves a built page, and tells it where the service is."""

    def __init__(self, *particulars: Any, service_url: str, directory: str) -> None:
        self._service_url = service_url
        super().__init__(*particulars, directory=directory)

    def do_GET(self) -> None:
        """Answer with a file of the page, or with where the service is."""
        if self.path != "/service.json":
            super().do_GET()
            return
        body = json.dumps({"url": self._service_url}).encode()
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


def page_server(directory: Path, port: int, service_url: str) -> ThreadingHTTPServer:
    """A server for the built page in `directory`, not yet running; port 0 is any.

    Raises:
        CannotServeError: the port is taken.
    """
    handler = partial(PageHandler, service_url=service_url, directory=str(directory))
    try:
        return ThreadingHTTPServer((HOST, port), handler)
    except OSError as error:
        raise CannotServeError(
            f"port {port}: {error.strerror}; make web PORT=… is another"
        ) from error


class Service(NamedTuple):
    """Where a running service is."""

    grpc_address: str
    websocket_address: str


@contextmanager
def serving(*options: str) -> Iterator[Service]:
    """A service of the page's own."""
    process = subprocess.Popen(  # noqa: S603 - a command line of our own
        [sys.executable, *SERVE, EDGE, *options],
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


def show(console: Console, url: str, grpc_address: str | None) -> None:
    """Tell a person where to go, and what to do there."""
    lines = [
        f"[bold]Open [link={url}]{url}[/link][/bold] in two tabs",
        "",
        "Sign in as [cyan]alice[/] in one and as [cyan]bob[/] in the other, and ring.",
    ]
    if grpc_address:
        lines += [f"Look on from a terminal: [cyan]signalctl --target {grpc_address} watch[/]"]
    lines += ["[dim]Only this machine can reach it. Ctrl-C stops it.[/]"]
    console.print(Panel("\n".join(lines), title="Try a call", expand=False, padding=(1, 3)))


@contextmanager
def edge_of(arguments: argparse.Namespace) -> Iterator[Service]:
    """The service that is named, or one of the page's own."""
    if arguments.edge:
        yield Service("", arguments.edge)
        return
    with serving(*arguments.options) as service:
        yield service


def main(arguments: argparse.Namespace, console: Console) -> int:
    """Serve until Ctrl-C; 1 if something cannot start."""
    try:
        with console.status("Building the page …"):
            directory = build()
        with edge_of(arguments) as (grpc_address, websocket_address):
            url = f"ws://{websocket_address}/"
            with page_server(directory, arguments.port, url) as server:
                show(console, f"http://{HOST}:{server.server_port}/", grpc_address)
                server.serve_forever()
    except (BuildError, CannotServeError) as error:
        console.print(f"[bold red]{error}[/]", highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped.")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A page to try calls between browsers.")
    parser.add_argument("--port", type=int, default=8080, help="the page's; 0 is any")
    parser.add_argument("--edge", metavar="HOST:PORT", help="that of a service that runs already")
    parser.add_argument("options", nargs="*", help="of the service, behind --")
    # whoever stops us like this is obeyed as well
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(parser.parse_args(), Console()))
