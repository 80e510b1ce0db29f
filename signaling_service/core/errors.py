"""What can be wrong with a request or a stream. One base, one sentence each."""

from collections.abc import Sequence
from typing import ClassVar

from signaling.v1 import signaling_pb2 as pb


class SignalingError(Exception):
    """Whatever this package raises on purpose."""


class RefusedError(SignalingError):
    """A request was refused; its stream stays open. `str()` is for a developer."""

    code: ClassVar[pb.ErrorCode.ValueType] = pb.ERROR_CODE_INTERNAL

    def __init__(
        self,
        detail: str,
        *,
        ended: pb.CallEnded | None = None,
        retry_after: float | None = None,
        candidate_indexes: Sequence[int] = (),
    ) -> None:
        super().__init__(detail)
        self.ended = ended
        self.retry_after = retry_after
        self.candidate_indexes = candidate_indexes

    def message(self, in_reply_to: int) -> pb.RequestError:
        """The refusal as its sender gets it."""
        error = pb.RequestError(
            in_reply_to=in_reply_to,
            code=self.code,
            detail=str(self),
            ended=self.ended,
            candidate_indexes=self.candidate_indexes,
        )
        if self.retry_after is not None:
            error.retry_after.FromMilliseconds(round(self.retry_after * 1000))
        return error


class InvalidMessageError(RefusedError):
    """A field is missing, malformed or out of range."""

    code = pb.ERROR_CODE_INVALID_MESSAGE


class TooLargeError(RefusedError):
    """A field is too large."""

    code = pb.ERROR_CODE_TOO_LARGE


class CallNotFoundError(RefusedError):
    """There is no such call for this device."""

    code = pb.ERROR_CODE_CALL_NOT_FOUND

    def __init__(self) -> None:
        # one text for all: a stranger must not learn whether the call exists
        super().__init__("there is no call with this call_id")


class CallIdInUseError(RefusedError):
    """The offer's call_id is taken."""

    code = pb.ERROR_CODE_CALL_ID_IN_USE


class NotAPartyError(RefusedError):
    """Another device of this user has the call."""

    code = pb.ERROR_CODE_NOT_A_PARTY


class WrongStateError(RefusedError):
    """Not possible as the call stands, or it is over."""

    code = pb.ERROR_CODE_WRONG_STATE


class GlareError(RefusedError):
    """The other side's offer is open."""

    code = pb.ERROR_CODE_GLARE


class StaleCandidateError(RefusedError):
    """Candidates of an ICE generation that is over."""

    code = pb.ERROR_CODE_STALE_CANDIDATE


class RateLimitedError(RefusedError):
    """Too fast."""

    code = pb.ERROR_CODE_RATE_LIMITED


class LimitExceededError(RefusedError):
    """Too many."""

    code = pb.ERROR_CODE_LIMIT_EXCEEDED


class NotAllowedError(RefusedError):
    """The credentials do not allow it."""

    code = pb.ERROR_CODE_NOT_ALLOWED


class UnavailableError(RefusedError):
    """Not now; the same request may work in a moment."""

    code = pb.ERROR_CODE_UNAVAILABLE


class FencedError(SignalingError):
    """A newer stream of the device has taken over, or its session is over."""


class RevokedError(FencedError):
    """A service has disconnected the device, and revoked what it comes in with."""


class CursorLostError(SignalingError):
    """What lies behind a cursor is not known, or not all of it."""


class SessionLostError(SignalingError):
    """The backend has lost the session, or what was last stored of it."""


class BackendAwayError(SignalingError):
    """The backend did not answer in time. What was asked of it may have been done, or not."""


class AckTooHighError(SignalingError):
    """A device acknowledged what it was never sent."""


class MailboxFullError(SignalingError):
    """A device leaves too many errors unacknowledged to be told of another one."""


class TooManyDevicesError(SignalingError):
    """The user has as many connected devices as a user may have."""
