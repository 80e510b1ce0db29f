"""What a device was told and has not acknowledged: numbered, bounded, trimmed by its ack alone."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.errors import AckTooHighError
from signaling_service.core.rules import Limits

ERRORS: Final = ""  # the bucket of errors


class Entry(NamedTuple):
    """One message in a mailbox: a `ConnectResponse` without `seq` and `ack`, serialized."""

    seq: int
    bucket: str  # the call it counts for, or ERRORS
    kind: str  # the name of the payload
    body: bytes
    # an offer's ring deadline: its ring_timeout is reckoned when it is sent
    ring_deadline: float | None
    stamp: int = 0  # microseconds: the step that queued it; no two steps have the same


class Mailbox:
    """The numbered messages of one session.

    Reading takes nothing out: a stream reads on from a position, and a stream
    that resumes reads again from the last ack.
    """

    __slots__ = ("_entries", "_load", "acked", "top")

    def __init__(self) -> None:
        self.top = 0  # the highest seq given out
        self.acked = 0  # the highest seq the device has processed
        self._entries: list[Entry] = []  # seq acked + 1 … top
        self._load: dict[str, tuple[int, int]] = {}  # bucket: messages, bytes

    def append(
        self, bucket: str, kind: str, body: bytes, ring_deadline: float | None, stamp: int = 0
    ) -> None:
        """Queue a message under the next seq."""
        self.top += 1
        self._entries.append(Entry(self.top, bucket, kind, body, ring_deadline, stamp))
        messages, size = self._load.get(bucket, (0, 0))
        self._load[bucket] = messages + 1, size + len(body)

    def is_over(self, bucket: str, limits: Limits) -> bool:
        """Whether more of a bucket is unacknowledged than may be."""
        messages, size = self._load.get(bucket, (0, 0))
        return messages > limits.unacked_messages or size > limits.unacked_bytes

    def ack(self, seq: int) -> Sequence[Entry]:
        """Drop everything up to `seq`, and return it. A lower ack than before is ignored.

        Raises:
            AckTooHighError: nothing with this seq was given out; nothing has changed.
        """
        if seq > self.top:
            raise AckTooHighError
        if seq <= self.acked:
            return ()
        count = seq - self.acked
        acked = self._entries[:count]
        for entry in acked:
            messages, size = self._load.pop(entry.bucket)
            if messages > 1:
                self._load[entry.bucket] = messages - 1, size - len(entry.body)
        del self._entries[:count]
        self.acked = seq
        return acked

    def after(self, seq: int) -> list[Entry]:
        """The messages above `seq` that are not acknowledged, in order."""
        return self._entries[max(seq - self.acked, 0) :]

    def endings(self) -> Iterator[tuple[str, pb.CallEnded]]:
        """The calls whose `ended` the device has not acknowledged."""
        for entry in self._entries:
            if entry.kind == "ended":
                response = pb.ConnectResponse.FromString(entry.body)
                yield response.call_id, response.ended
