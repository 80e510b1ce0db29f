"""What every request must look like before any call is asked. Raises, or says nothing."""

import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.errors import InvalidMessageError, LimitExceededError, TooLargeError
from signaling_service.core.rules import MAX_RING_TIMEOUT, MIN_RING_TIMEOUT, Limits

MAX_ID_LENGTH: Final = 128
MAX_TEXT_BYTES: Final = 1024  # Hangup.text
MAX_CONTENT_TYPE_BYTES: Final = 128
MAX_AGENT_BYTES: Final = 256
MAX_TOKEN_LENGTH: Final = 256  # of a mid, and of an ice-ufrag (RFC 8839 §5.4)
MAX_M_LINE_INDEX: Final = 0xFFFF  # an unsigned short (W3C RTCIceCandidateInit)
MAX_NANOS: Final = 999_999_999  # of a Duration that is not negative
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
CONTROL_IN_TEXT: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # text may have lines
# printable by their category, and yet nothing to see (Unicode Default_Ignorable_Code_Point)
UNSEEN: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
CALL_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)


def kind_of(message: pb.ConnectRequest | pb.ConnectResponse) -> str | None:
    """The name of its payload, None if there is none that is known.

    Each name is one string, however often it comes: traces keep them by the thousand.
    """
    kind = message.WhichOneof("payload")
    return None if kind is None else sys.intern(kind)


def is_valid_call_id(call_id: str) -> bool:
    """Whether `call_id` has the form that a caller may choose."""
    return CALL_ID.fullmatch(call_id) is not None


def is_valid_id(value: str) -> bool:
    """Whether `value` can name a user or a device."""
    return (
        0 < len(value) <= MAX_ID_LENGTH
        and value.isprintable()
        and not any(character in " {}*" for character in value)
        and (value.isascii() or UNSEEN.search(value) is None)
    )


def is_plain(message: pb.IceCandidates, generation: frozenset[str], limits: Limits) -> bool:
    """Whether `check` finds nothing wrong, and every candidate names this generation."""
    candidates = message.candidates
    if not 0 < len(candidates) <= limits.candidates_per_message:
        return False
    for candidate in candidates:
        if candidate.username_fragment not in generation or not _is_usual(candidate, limits):
            return False
    return True


def check(request: pb.ConnectRequest, kind: str | None, limits: Limits) -> None:
    """Check the form of a request of a session; `kind` is the name of its payload.

    Raises:
        InvalidMessageError: a field is missing, malformed or out of range.
        TooLargeError: a field is too large.
        LimitExceededError: a list is too long.
    """
    if kind is None:
        raise InvalidMessageError("unsupported: the request has no payload that this service knows")
    if kind == "refresh":
        return
    if not is_valid_call_id(request.call_id):
        raise InvalidMessageError("call_id: 1 to 64 of A-Z a-z 0-9 _ . : - are needed")
    if checker := CHECKERS.get(kind):
        checker(getattr(request, kind), limits)


def check_hello(hello: pb.Hello, limits: Limits) -> None:
    """Check the form of a hello.

    Raises:
        TooLargeError: `agent` or `labels` are too large.
        InvalidMessageError: they have control characters.
    """
    _check_bytes("hello.agent", hello.agent, MAX_AGENT_BYTES)
    _check_control("hello.agent", hello.agent)
    _check_map("hello.labels", hello.labels, limits.metadata_bytes)


def _check_offer(offer: pb.SdpOffer, limits: Limits) -> None:
    _check_description("offer", offer, limits)
    if offer.recipient_user_id:
        _check_id("offer.recipient_user_id", offer.recipient_user_id)
    if offer.HasField("recipient_device_id"):
        if not offer.recipient_user_id:
            raise InvalidMessageError("offer.recipient_device_id: needs a recipient_user_id")
        _check_id("offer.recipient_device_id", offer.recipient_device_id)
    if offer.HasField("ring_timeout"):
        _check_ring_timeout(offer.ring_timeout)
    _check_enum("offer.routing", pb.Routing, offer.routing)
    _check_enum("offer.offline_policy", pb.OfflinePolicy, offer.offline_policy)
    _check_map("offer.metadata", offer.metadata, limits.metadata_bytes)


def _check_answer(answer: pb.SdpAnswer, limits: Limits) -> None:
    _check_description("answer", answer, limits)


def _check_candidates(message: pb.IceCandidates, limits: Limits) -> None:
    count = len(message.candidates)
    if not count:
        raise InvalidMessageError("candidates.candidates: at least one is needed")
    if count > limits.candidates_per_message:
        raise LimitExceededError(
            f"candidates.candidates: {count}, at most {limits.candidates_per_message} in a message"
        )
    for index, candidate in enumerate(message.candidates):
        fragment = candidate.username_fragment
        is_usual = len(fragment) <= MAX_TOKEN_LENGTH and fragment.isprintable()
        if not is_usual or not _is_usual(candidate, limits):
            _check_candidate(f"candidates.candidates[{index}]", candidate, limits)


def _is_usual(candidate: pb.IceCandidate, limits: Limits) -> bool:
    """Whether a candidate needs no closer look, but for its generation."""
    line, mid = candidate.candidate, candidate.sdp_mid
    return (
        len(line) * 4 <= limits.candidate_bytes  # a character has up to 4 bytes
        and line.isprintable()
        and len(mid) <= MAX_TOKEN_LENGTH
        and mid.isprintable()
        and candidate.sdp_m_line_index <= MAX_M_LINE_INDEX
    )


def _check_candidate(name: str, candidate: pb.IceCandidate, limits: Limits) -> None:
    line = candidate.candidate
    _check_bytes(f"{name}.candidate", line, limits.candidate_bytes)
    _check_control(f"{name}.candidate", line)
    _check_token(f"{name}.sdp_mid", candidate.sdp_mid)
    _check_token(f"{name}.username_fragment", candidate.username_fragment)
    if candidate.sdp_m_line_index > MAX_M_LINE_INDEX:
        raise InvalidMessageError(f"{name}.sdp_m_line_index: at most {MAX_M_LINE_INDEX}")


def _check_token(name: str, value: str) -> None:
    if len(value) > MAX_TOKEN_LENGTH:
        raise TooLargeError(f"{name}: at most {MAX_TOKEN_LENGTH} characters")
    _check_control(name, value)


def _check_reject(reject: pb.Reject, _limits: Limits) -> None:
    _check_enum("reject.reason", pb.RejectReason, reject.reason)


def _check_hangup(hangup: pb.Hangup, _limits: Limits) -> None:
    _check_bytes("hangup.text", hangup.text, MAX_TEXT_BYTES)
    _check_control("hangup.text", hangup.text, CONTROL_IN_TEXT)


def _check_connection_state(message: pb.ConnectionState, _limits: Limits) -> None:
    _check_enum("connection_state.state", pb.PeerConnectionState, message.state)
    if not message.state:
        raise InvalidMessageError("connection_state.state: is missing")


def _check_app_message(message: pb.AppMessage, limits: Limits) -> None:
    _check_bytes("app_message.content_type", message.content_type, MAX_CONTENT_TYPE_BYTES)
    _check_control("app_message.content_type", message.content_type)
    _check_bytes("app_message.body", message.body, limits.app_message_bytes)


CHECKERS: Final[Mapping[str, Callable[[Any, Limits], None]]] = {
    "offer": _check_offer,
    "answer": _check_answer,
    "candidates": _check_candidates,
    "reject": _check_reject,
    "hangup": _check_hangup,
    "connection_state": _check_connection_state,
    "app_message": _check_app_message,
}


def _check_description(name: str, message: pb.SdpOffer | pb.SdpAnswer, limits: Limits) -> None:
    kind = message.WhichOneof("description")
    if kind is None:
        raise InvalidMessageError(f"{name}: needs sdp or sealed")
    description = message.sdp if kind == "sdp" else message.sealed
    if not description:
        raise InvalidMessageError(f"{name}.{kind}: is empty")
    _check_bytes(f"{name}.{kind}", description, limits.sdp_bytes)
    if isinstance(description, str):
        if not description.startswith("v=0"):
            raise InvalidMessageError(f"{name}.sdp: does not start with v=0 (RFC 8866)")
        if "\0" in description:
            raise InvalidMessageError(f"{name}.sdp: has a NUL")


def _check_ring_timeout(ring_timeout: Duration) -> None:
    if not 0 <= ring_timeout.nanos <= MAX_NANOS:
        raise InvalidMessageError("offer.ring_timeout: its nanos are 0 to 999,999,999")
    seconds = ring_timeout.seconds + ring_timeout.nanos / 1e9
    if not MIN_RING_TIMEOUT <= seconds <= MAX_RING_TIMEOUT:
        raise InvalidMessageError(
            f"offer.ring_timeout: {MIN_RING_TIMEOUT:.0f} to {MAX_RING_TIMEOUT:.0f} s are possible"
        )


def _check_id(name: str, value: str) -> None:
    if not is_valid_id(value):
        raise InvalidMessageError(
            f"{name}: needs 1 to {MAX_ID_LENGTH} printable characters, no spaces, braces or *"
        )


def _check_enum(name: str, enum: Any, value: int) -> None:
    if value not in enum.DESCRIPTOR.values_by_number:
        raise InvalidMessageError(f"{name}: {value} is unknown")


def _check_bytes(name: str, value: str | bytes, limit: int) -> None:
    size = len(value.encode() if isinstance(value, str) else value)
    if size > limit:
        raise TooLargeError(f"{name}: {size} bytes, at most {limit}")


def _check_control(name: str, value: str, control: re.Pattern[str] = CONTROL) -> None:
    if not value.isprintable() and control.search(value):  # which few strings need
        raise InvalidMessageError(f"{name}: has a control character")


def _check_map(name: str, values: Mapping[str, str], limit: int) -> None:
    size = sum(len(key.encode()) + len(value.encode()) for key, value in values.items())
    if size > limit:
        raise TooLargeError(f"{name}: {size} bytes, at most {limit}")
    for key, value in values.items():
        _check_control(name, key)
        _check_control(name, value, CONTROL_IN_TEXT)
