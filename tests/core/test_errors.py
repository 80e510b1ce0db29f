"""What a refusal tells its sender."""

import pytest
from google.protobuf.duration_pb2 import Duration
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core import errors
from signaling_service.core.errors import (
    CallNotFoundError,
    RateLimitedError,
    RefusedError,
    SignalingError,
    StaleCandidateError,
    WrongStateError,
)

CODES = {
    "RefusedError": "INTERNAL",
    "InvalidMessageError": "INVALID_MESSAGE",
    "TooLargeError": "TOO_LARGE",
    "CallNotFoundError": "CALL_NOT_FOUND",
    "CallIdInUseError": "CALL_ID_IN_USE",
    "NotAPartyError": "NOT_A_PARTY",
    "WrongStateError": "WRONG_STATE",
    "GlareError": "GLARE",
    "StaleCandidateError": "STALE_CANDIDATE",
    "RateLimitedError": "RATE_LIMITED",
    "LimitExceededError": "LIMIT_EXCEEDED",
    "NotAllowedError": "NOT_ALLOWED",
}


@pytest.mark.parametrize(("name", "code"), CODES.items())
def test_every_refusal_has_its_code(name: str, code: str) -> None:
    """The wire code is on the class."""
    refusal: type[RefusedError] = getattr(errors, name)

    assert pb.ErrorCode.Name(refusal.code) == f"ERROR_CODE_{code}"


def test_refusal_says_what_was_wrong() -> None:
    """Which request, the code, a sentence, and nothing that does not apply."""
    assert WrongStateError("no").message(in_reply_to=7) == pb.RequestError(
        in_reply_to=7, code=pb.ERROR_CODE_WRONG_STATE, detail="no"
    )


def test_refusal_says_how_the_call_ended() -> None:
    """A request that comes after the end."""
    ended = pb.CallEnded(reason=pb.END_REASON_CANCELLED)

    assert WrongStateError("over", ended=ended).message(1).ended == ended


def test_refusal_says_how_long_to_wait() -> None:
    """To the millisecond."""
    error = RateLimitedError("too fast", retry_after=1.25).message(1)

    assert error.retry_after == Duration(seconds=1, nanos=250_000_000)


def test_refusal_names_the_candidates() -> None:
    """By their index in the message."""
    error = StaleCandidateError("old", candidate_indexes=[0, 3]).message(1)

    assert list(error.candidate_indexes) == [0, 3]


def test_missing_call_has_one_text() -> None:
    """A stranger cannot tell a call from none by the words either."""
    assert str(CallNotFoundError()) == str(CallNotFoundError())


def test_all_errors_have_one_base() -> None:
    """Whatever this package raises on purpose."""
    raised = [
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, Exception)
    ]

    assert all(issubclass(each, SignalingError) for each in raised)
