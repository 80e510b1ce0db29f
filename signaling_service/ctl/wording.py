"""How things are put into words: names, times, devices. What apps have chosen is not trusted."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from signaling.v1 import signaling_pb2 as pb

MINUTE: Final = 60  # s; and an hour has as many minutes
SPAN_WIDTH: Final = 7  # of 59m 59s
WORD_BEGIN: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def safe(text: str) -> str:
    """The text with everything written out that a terminal obeys, or that nobody sees."""
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )


def word(enum: Any, value: int) -> str:
    """The name of an enum's value without its prefix; a number, if only a newer one knows it."""
    if value not in enum.values():
        return str(value)
    prefix = WORD_BEGIN.sub("_", enum.DESCRIPTOR.name).upper() + "_"
    return str(enum.Name(value)).removeprefix(prefix)


def device(who: pb.Device) -> str:
    """A device: its user and its id."""
    return safe(f"{who.user_id}/{who.device_id}" if who.device_id else who.user_id)


def pairs(what: Mapping[str, str]) -> str:
    """Labels, metadata."""
    return " ".join(f"{safe(key)}={safe(what[key])}" for key in sorted(what))


def span(seconds: float) -> str:
    """A length of time, as exactly as somebody wants to know."""
    if seconds < 0.001:  # noqa: PLR2004 - a millisecond
        return "<1 ms"
    if round(seconds * 1000) < 1000:  # noqa: PLR2004 - milliseconds of a second
        return f"{seconds * 1000:.0f} ms"
    if round(seconds, 1) < MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), MINUTE)
    if minutes < MINUTE:
        return f"{minutes}m {rest:02d}s"
    return f"{minutes // MINUTE}h {minutes % MINUTE:02d}m"


def seconds(length: Duration) -> float:
    """A length of time in seconds."""
    return length.seconds + length.nanos / 1e9


def moment(time: Timestamp) -> float:
    """A point in time, in seconds since the epoch."""
    return time.seconds + time.nanos / 1e9


def age(time: Timestamp) -> str:
    """How long ago something was, by the clock of this machine."""
    return span(max(datetime.now(UTC).timestamp() - moment(time), 0.0))


def clock(time: Timestamp) -> str:
    """The local time of day, with milliseconds."""
    local = datetime.fromtimestamp(moment(time), UTC).astimezone()
    return f"{local:%T}.{local.microsecond // 1000:03d}"
