"""Span contexts: as they travel (W3C Trace Context), and the one that every node knows of a call.

https://www.w3.org/TR/trace-context/#traceparent-header
"""

import re
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

from signaling.v1 import signaling_pb2 as pb

SAMPLED: Final = 0x01
MAX_CALL_ID: Final = 64  # characters; whatever is longer names no call, and is not kept
CALLS_KEPT: Final = 4096  # that are spoken of again and again
HALF: Final = 1 << 64  # what sampling looks at: the second half of a trace id, which is random
_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})", re.ASCII
)


class Place(NamedTuple):
    """A span's place: which trace, which span, and whether it is recorded."""

    trace_id: int
    span_id: int
    is_sampled: bool = True

    def __str__(self) -> str:
        """As a `traceparent`."""
        return (
            f"00-{self.trace_id:032x}-{self.span_id:016x}-{SAMPLED if self.is_sampled else 0:02x}"
        )


def parse(traceparent: str) -> Place | None:
    """The place that a `traceparent` names; None if it is malformed."""
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in found.groups())
    return Place(trace_id, span_id, bool(flags & SAMPLED))


def take(request: pb.ConnectRequest) -> Place | None:
    """Where a request with a `traceparent` comes from.

    A malformed one is taken out. W3C asks for that: it fails nothing, and goes no further.
    """
    place = parse(request.traceparent)
    if place is None:
        request.ClearField("traceparent")
    return place


@lru_cache(maxsize=CALLS_KEPT)
def of_call(call_id: str) -> Place:
    """The place of a call's own span. It hangs on the id alone, so all nodes know it."""
    digest = blake2b(call_id.encode(), digest_size=24, person=b"signaling call").digest()
    # an id of zeros would be invalid
    return Place(int.from_bytes(digest[:16]) or 1, int.from_bytes(digest[16:]) or 1)


def is_chosen(place: Place, ratio: float) -> bool:
    """Whether a trace is among the `ratio` that are kept, as OpenTelemetry's samplers decide it."""
    return place.trace_id % HALF < ratio * HALF
