"""What calls, users and devices may be called."""

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.errors import InvalidMessageError
from signaling_service.core.requests import check, is_valid_call_id, is_valid_id
from signaling_service.core.rules import Limits
from tests.core.names import CALL_ID, sdp

ZERO_WIDTH = "\u200b"
BAD_IDS = [
    "",
    " ",
    "a b",
    "a\n",
    "a\0",
    f"a{ZERO_WIDTH}",
    "a\u200d",  # joins two characters
    "\ufeffa",  # a byte order mark
    "a\u00ad",  # a hyphen that is seen at the end of a line alone
    "\u202ea",  # from right to left
    "\u2066a\u2069",
    "a\u2028",
    "a\u00a0b",
    "a\u3164",  # a letter with nothing to see
    "a\ufe0f",
    "a\U000e0101",
    "a\u034f",
    "a\x7f",
    "a\x9b",
    "a\x1b[2J",
    "a\ue000",  # of private use
    "{x}",
    "a}",
    "*",
    "x" * 129,
    "x" * 10_000,
]
GOOD_IDS = [
    "a",
    "x" * 128,
    "é" * 128,
    "אבג",
    "नमस्ते",
    "😀",
    "alice@example.org",
    "Zoë",
    "user:1|2",
    "#",
    "日本",
]


def checked(request: pb.ConnectRequest) -> None:
    check(request, request.WhichOneof("payload"), Limits())


def offered(**recipient: str) -> None:
    """Check an offer to a device."""
    offer = pb.SdpOffer(sdp=sdp("x"), **recipient)  # type: ignore[arg-type]  # ids alone
    checked(pb.ConnectRequest(call_id=CALL_ID, offer=offer))


@pytest.mark.parametrize(
    "call_id", ["c", "x" * 64, "0b1c-9.A_z:7", "550e8400-e29b-41d4-a716-446655440000"]
)
def test_good_call_id_passes(call_id: str) -> None:
    """1 to 64 of a small alphabet."""
    assert is_valid_call_id(call_id)
    checked(pb.ConnectRequest(call_id=call_id, hangup=pb.Hangup()))


@pytest.mark.parametrize(
    "call_id", ["", "x" * 65, "a b", "a\n", "\n", "é", "{x}", "*", "a/b", "a\0", "日", "a" * 10_000]
)
def test_bad_call_id_is_refused(call_id: str) -> None:
    """No key is built from it, and no log line."""
    assert not is_valid_call_id(call_id)
    with pytest.raises(InvalidMessageError, match="call_id"):
        checked(pb.ConnectRequest(call_id=call_id, hangup=pb.Hangup()))


@pytest.mark.parametrize("value", GOOD_IDS)
def test_good_id_passes(value: str) -> None:
    """Users and devices are named as their directory likes, in 1 to 128 characters."""
    assert is_valid_id(value)
    offered(recipient_user_id=value, recipient_device_id=value)


@pytest.mark.parametrize("value", BAD_IDS, ids=ascii)
def test_bad_id_is_refused(value: str) -> None:
    """Nothing that could break a key, a header or a line of a log."""
    assert not is_valid_id(value)
    with pytest.raises(InvalidMessageError):
        offered(recipient_user_id="bob", recipient_device_id=value)
