"""What comes in and goes out over the streams of a node."""

from collections import Counter
from enum import StrEnum

from grpc import StatusCode
from signaling.v1 import signaling_pb2 as pb


class Opened(StrEnum):
    """How a session was opened."""

    FRESH = "fresh"  # the device remembered nothing
    RESUMED = "resumed"
    REFUSED = "refused"  # it wanted to resume what cannot go on, and got a fresh one


class Traffic:
    """Counts of messages, of sessions and of the ends of streams, since the node started."""

    def __init__(self) -> None:
        self.received: Counter[str | None] = Counter()  # by kind
        self.sent: Counter[str | None] = Counter()
        self.paced = 0  # requests that had to wait
        self.opened: Counter[Opened] = Counter()
        self.streams_ended: Counter[StatusCode] = Counter()

    def opens(self, hello: pb.Hello, *, is_resumed: bool) -> None:
        """A session is open."""
        wanted = Opened.REFUSED if hello.session_id else Opened.FRESH
        self.opened[Opened.RESUMED if is_resumed else wanted] += 1
