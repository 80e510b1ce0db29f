"""How things are put into words; what others have chosen is not obeyed."""

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.ctl import wording


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Müller 李", "Müller 李"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("line\r\nline", "line\\r\\nline"),
        ("\u202eevil\u2066", "\\u202eevil\\u2066"),
        ("\x9b31m", "\\x9b31m"),
        ("a\u200bb", "a\\u200bb"),
        ("[bold]", "[bold]"),
    ],
)
def test_what_a_terminal_obeys_is_written_out(given: str, shown: str) -> None:
    """Control characters of every kind, and what turns or hides text."""
    assert wording.safe(given) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "<1 ms"),
        (0.001, "1 ms"),
        (0.0124, "12 ms"),
        (0.9996, "1.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1m 00s"),
        (119.7, "2m 00s"),
        (3599.9, "1h 00m"),
        (86_400, "24h 00m"),
    ],
)
def test_spans(seconds: float, shown: str) -> None:
    """As exactly as somebody wants to know, and never sixty seconds."""
    assert wording.span(seconds) == shown


def test_names_of_a_newer_service() -> None:
    """A value that this version has no name for is its number."""
    assert wording.word(pb.EndReason, pb.END_REASON_NO_ANSWER) == "NO_ANSWER"
    assert wording.word(pb.EndReason, 9999) == "9999"


def test_devices() -> None:
    """A device is its user and its id; a user alone may be meant."""
    assert wording.device(pb.Device(user_id="bob", device_id="phone")) == "bob/phone"
    assert wording.device(pb.Device(user_id="bob")) == "bob"
