"""Any bytes as a request: it is refused, or the machine takes it, whatever the call is like."""

from google.protobuf.message import DecodeError
from signaling.v1 import signaling_pb2 as pb

from signaling_service.backends.stored import call_from_bytes, call_to_bytes
from signaling_service.core.call import handle
from signaling_service.core.errors import RefusedError
from signaling_service.core.model import Call, Event
from signaling_service.core.requests import check, check_hello
from signaling_service.core.rules import Limits
from signaling_service.deciding import error_of
from tests.core.factory import CALLS, RULES, World
from tests.core.names import ALICE, MALLORY, PHONE, SESSION, START, TABLET
from tests.core.observer import check_step

LIMITS = Limits()
WORLD = World([ALICE, PHONE, TABLET, MALLORY])


def request(data: bytes) -> None:
    """Parse, check, and let caller, callee and a stranger ask it of calls in every state."""
    try:
        asked = pb.ConnectRequest.FromString(data)
    except DecodeError:
        return
    kind = asked.WhichOneof("payload")
    if not is_well_formed(asked, kind) or kind in ("hello", "refresh", None):
        return
    for call in CALLS.values():
        for device in (ALICE, PHONE, MALLORY):
            event = Event(kind, device, SESSION, asked)
            outcome = handle(call, event, WORLD, START, RULES)
            check_step(call, event, outcome, START)
            if outcome.call is not call:
                check_stored(outcome.call)
            if outcome.refusal is not None:
                check_error(outcome.refusal, asked)


def is_well_formed(asked: pb.ConnectRequest, kind: str | None) -> bool:
    """Whether nothing of its form is refused."""
    try:
        if kind == "hello":
            check_hello(asked.hello, LIMITS)
        else:
            check(asked, kind, LIMITS)
    except RefusedError as refusal:
        check_error(refusal, asked)
        return False
    return True


def check_error(refusal: RefusedError, asked: pb.ConnectRequest) -> None:
    """A refusal can be told, is not long, and repeats nothing that is for others' eyes."""
    error = error_of(refusal, asked.seq, "").error
    assert error.code
    assert len(error.SerializeToString()) < LIMITS.metadata_bytes
    for description in (asked.offer.sdp, asked.answer.sdp, asked.refresh.access_token):
        assert len(description) < 8 or description not in error.detail


def check_stored(call: Call | None) -> None:
    """Another node reads what one has stored."""
    if call is not None:
        assert call_from_bytes(call.call_id, call_to_bytes(call), call.relay) == call
