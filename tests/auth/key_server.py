"""An issuer's web server: it publishes keys, and counts how often it is asked."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class KeyServer:
    """What it answers may be changed at any time."""

    def __init__(self) -> None:
        self.body = b""
        self.status = 200
        self.location = ""
        self.asked = 0
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.url = ""

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """What serves one request."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked += 1
                server.may_answer.wait(10)
                self.send_response(server.status)
                if server.location:
                    self.send_header("Location", server.location)
                self.end_headers()
                self.wfile.write(server.body)

            def log_message(self, *_: object) -> None:
                """Say nothing: its requests are counted."""

        return Handler


@contextmanager
def key_server() -> Iterator[KeyServer]:
    """A server that runs."""
    issuer = KeyServer()
    with ThreadingHTTPServer(("127.0.0.1", 0), issuer.handler()) as server:
        issuer.url = f"http://127.0.0.1:{server.server_port}/jwks.json"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()
