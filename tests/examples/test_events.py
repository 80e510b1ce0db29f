"""What the page about events says is so."""

import re
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from google.protobuf import json_format
from signaling.v1 import calls_pb2 as calls

from examples import event_stream, push_gateway
from examples.webhook_receiver import receiver
from signaling_service.backends.claims import MemoryClaims
from signaling_service.clock import SystemClock
from signaling_service.webhook import gate, poster, signing, window
from signaling_service.webhook import receiver as posting
from tests.examples.test_docs import read, table
from tests.webhook.log import WrittenLog
from tests.webhook.node import SECRET, Node

PAGE: Final = "docs/events.md"
NOTHING: Final = calls.DisconnectDeviceResponse.DESCRIPTOR  # a member is always a message


def test_every_kind_is_there_with_its_fields() -> None:
    """In the order of the contract."""
    told = [
        (row[0].strip("`"), re.findall(r"`(\w+)`", row[2])) for row in table(PAGE, "## The events")
    ]

    members = calls.SignalingEvent.DESCRIPTOR.oneofs_by_name["event"].fields
    assert told == [
        (member.name, [field.name for field in (member.message_type or NOTHING).fields])
        for member in members
    ]


def test_figures_are_those_of_the_code() -> None:
    """How long, how many, how often."""
    text = re.sub(r"\s+", " ", read(PAGE))

    assert f"no answer within {posting.TIMEOUT:g} s" in text
    assert (gate.FIRST_BACKOFF, gate.MAX_BACKOFF, posting.MAX_WAIT) == (1, 60, 600)
    assert f"Up to {posting.AT_ONCE} are under way" in text
    assert gate.DOWN_AFTER == 16
    assert f"at least every {gate.MAX_PROBE_BACKOFF:g} s" in text
    assert f"nothing more is read than {window.SIZE} events" in text
    assert f"{signing.MIN_SECRET_BYTES} bytes at least" in text
    assert poster.CLAIM + poster.CLAIM_INTERVAL == 6
    assert push_gateway.LATE == 2
    lines = Path(event_stream.__file__).read_text().splitlines()
    assert len(lines) < 80


async def test_the_receiver_of_the_page(tmp_path: Path) -> None:
    """It takes what the service posts, once, and nothing that anybody else does."""
    handled: list[Any] = []

    def handle(event: Any) -> None:
        if not handled:
            handled.append(event)
            raise RuntimeError  # such as a database that is away: the event comes again
        handled.append(event)

    with _Quiet(("127.0.0.1", 0), receiver(SECRET, handle)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        url, log = f"http://127.0.0.1:{server.server_port}/", WrittenLog(SystemClock())
        stranger = posting.Receiver(url)
        assert (await stranger.post({"webhook-id": "1"}, b"{}")).status == 401
        stranger.close()

        node = Node(url, log, MemoryClaims(SystemClock()), SystemClock(), tmp_path / "secret")
        node.poster.start()
        await node.is_active()
        log.happens("call-1", "call_ended")
        await node.counts(1, "posts_total", result="taken")
        await node.poster.close()
        server.shutdown()
        thread.join()

    (event,) = await log.events("log-0", 10)
    first, second = (json_format.ParseDict(each, calls.SignalingEvent()) for each in handled)
    assert first == second == event


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Say nothing: the handler is meant to fail."""
