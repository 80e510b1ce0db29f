"""Takes the posts of a webhook: verifies who they are from, and handles each event once."""

import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError


def receiver(secret: str, handle: Callable[[Any], None]) -> type[BaseHTTPRequestHandler]:
    """A handler for the standard library's server; `handle` gets the events."""
    webhook, seen = Webhook(secret), set[str]()  # a table, where a restart must not forget it

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Say 204 once the event is handled, and not before: what fails comes again."""
            body = self.rfile.read(int(self.headers["content-length"]))
            try:
                event = webhook.verify(body, dict(self.headers.items()))
            except WebhookVerificationError:
                self.send_error(401)
                return
            if self.headers["webhook-id"] not in seen:
                handle(event)
                seen.add(self.headers["webhook-id"])
            self.send_response(204)
            self.end_headers()

    return Receiver


if __name__ == "__main__":
    handler = receiver(Path(sys.argv[1]).read_text().strip(), print)
    ThreadingHTTPServer(("127.0.0.1", 8080), handler).serve_forever()
