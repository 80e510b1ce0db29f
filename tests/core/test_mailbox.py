"""A mailbox: numbered without a gap, trimmed by the ack alone, and bounded for each call."""

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.errors import AckTooHighError
from signaling_service.core.mailbox import ERRORS, Entry, Mailbox
from signaling_service.core.rules import Limits
from tests.core.names import CALL_ID

LIMITS = Limits(unacked_messages=3, unacked_bytes=100)


def a_mailbox(*bodies: bytes, bucket: str = CALL_ID) -> Mailbox:
    """A mailbox with these messages in it."""
    mailbox = Mailbox()
    for body in bodies:
        mailbox.append(bucket, "app_message", body, None)
    return mailbox


def bodies(mailbox: Mailbox, after: int = 0) -> list[bytes]:
    """What a stream reads that has sent up to `after`."""
    return [entry.body for entry in mailbox.after(after)]


def test_messages_are_numbered_from_one() -> None:
    """Without a gap, in order."""
    mailbox = Mailbox()
    mailbox.append(CALL_ID, "offer", b"one", 60.0)
    mailbox.append(ERRORS, "error", b"two", None)

    assert mailbox.after(0) == [
        Entry(1, CALL_ID, "offer", b"one", 60.0),
        Entry(2, ERRORS, "error", b"two", None),
    ]
    assert mailbox.top == 2


def test_reading_takes_nothing_out() -> None:
    """A stream that resumes reads again."""
    mailbox = a_mailbox(b"one", b"two")

    assert bodies(mailbox) == bodies(mailbox) == [b"one", b"two"]


@pytest.mark.parametrize(
    ("after", "read"), [(0, [b"2", b"3"]), (1, [b"2", b"3"]), (2, [b"3"]), (3, []), (9, [])]
)
def test_stream_reads_on_from_its_position(after: int, read: list[bytes]) -> None:
    """What lies above it and is not acknowledged."""
    mailbox = a_mailbox(b"1", b"2", b"3")
    mailbox.ack(1)

    assert bodies(mailbox, after) == read


def test_ack_drops_everything_up_to_it() -> None:
    """Cumulative; the numbers go on."""
    mailbox = a_mailbox(b"1", b"2", b"3")

    mailbox.ack(2)
    mailbox.append(CALL_ID, "app_message", b"4", None)

    assert [(entry.seq, entry.body) for entry in mailbox.after(0)] == [(3, b"3"), (4, b"4")]
    assert mailbox.acked == 2


@pytest.mark.parametrize("lower", [0, 1, 2])
def test_lower_ack_is_ignored(lower: int) -> None:
    """An ack that was overtaken says nothing new."""
    mailbox = a_mailbox(b"1", b"2", b"3")
    mailbox.ack(2)

    mailbox.ack(lower)

    assert (mailbox.acked, bodies(mailbox)) == (2, [b"3"])


def test_ack_above_what_was_sent_is_refused() -> None:
    """And nothing is dropped."""
    mailbox = a_mailbox(b"1", b"2")

    with pytest.raises(AckTooHighError):
        mailbox.ack(3)

    assert bodies(mailbox) == [b"1", b"2"]


def test_call_may_leave_so_many_messages() -> None:
    """The limit itself is within it."""
    assert not a_mailbox(b"1", b"2", b"3").is_over(CALL_ID, LIMITS)
    assert a_mailbox(b"1", b"2", b"3", b"4").is_over(CALL_ID, LIMITS)


def test_call_may_leave_so_many_bytes() -> None:
    """Whichever comes first."""
    assert not a_mailbox(b"x" * 100).is_over(CALL_ID, LIMITS)
    assert a_mailbox(b"x" * 100, b"x").is_over(CALL_ID, LIMITS)


def test_calls_are_counted_apart() -> None:
    """One call's load is no other's, nor that of errors."""
    mailbox = a_mailbox(b"1", b"2", b"3", b"4")

    assert not mailbox.is_over("other", LIMITS)
    assert not mailbox.is_over(ERRORS, LIMITS)


def test_ack_makes_room() -> None:
    """What is acknowledged weighs nothing, to the last message and byte."""
    mailbox = a_mailbox(b"x" * 60, b"x" * 60)
    mailbox.ack(1)

    assert not mailbox.is_over(CALL_ID, LIMITS)
    mailbox.ack(2)
    mailbox.append(CALL_ID, "app_message", b"x" * 100, None)
    assert not mailbox.is_over(CALL_ID, LIMITS)


def test_endings_are_those_not_acknowledged() -> None:
    """The ends that a device has not heard when its session ends."""
    mailbox = Mailbox()
    for call_id in ("one", "two", "three"):
        ended = pb.CallEnded(reason=pb.END_REASON_HANGUP, text=call_id)
        body = pb.ConnectResponse(call_id=call_id, ended=ended).SerializeToString()
        mailbox.append(call_id, "ended", body, None)
        mailbox.append(call_id, "progress", b"", None)
    mailbox.ack(1)

    assert list(mailbox.endings()) == [
        ("two", pb.CallEnded(reason=pb.END_REASON_HANGUP, text="two")),
        ("three", pb.CallEnded(reason=pb.END_REASON_HANGUP, text="three")),
    ]
