"""The credentials of one stream: they run out, and are renewed in the stream."""

from collections.abc import Awaitable, Callable
from typing import Final

from signaling_service.auth.authenticator import Authenticator
from signaling_service.auth.identity import (
    NEVER,
    BadCredentialsError,
    Identity,
    KeysAwayError,
)
from signaling_service.clock import Clock, Timer
from signaling_service.core.errors import (
    BackendAwayError,
    NotAllowedError,
    RefusedError,
    UnavailableError,
)
from signaling_service.core.model import Device
from signaling_service.transport import errors
from signaling_service.transport.errors import StreamEndedError

EXPIRY_GRACE: Final = 30.0  # s; for the answer to a refresh to be on its way
LONGEST_TIMER: Final = 7 * 24 * 3600.0  # s; event loops can't wait for ever

IsRevoked = Callable[[Device, float], Awaitable[bool]]  # of a device, a token issued then


class Credentials:
    """Whose stream it is, and until when."""

    __slots__ = ("_authenticator", "_clock", "_end", "_origin", "_timer", "identity")

    def __init__(
        self, identity: Identity, origin: str, authenticator: Authenticator, clock: Clock
    ) -> None:
        self.identity = identity
        self._origin = origin
        self._authenticator = authenticator
        self._clock = clock
        self._end: Callable[[errors.Status], None] | None = None
        self._timer: Timer | None = None

    def watch(self, end: Callable[[errors.Status], None]) -> None:
        """Call `end` once they have run out."""
        self._end = end
        self._look()

    def close(self) -> None:
        """Watch no more."""
        self._end = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._end is None or self.identity.expires_at == NEVER:
            return
        left = self.identity.expires_at + EXPIRY_GRACE - self._clock.now()
        if left <= 0:
            self._end(errors.TOKEN_OVER)
        else:
            self._timer = self._clock.call_later(min(left, LONGEST_TIMER), self._look)

    async def renew(self, token: str, is_revoked: IsRevoked) -> RefusedError | None:
        """Take a new token; returns why not, if it is not good: the old one counts on.

        Raises:
            StreamEndedError: it is somebody else's.
        """
        try:
            identity = await self._authenticator.verify(token, self._origin)
        except BadCredentialsError as bad:
            return NotAllowedError(f"refresh.access_token: {bad}")
        except KeysAwayError:
            return UnavailableError("refresh.access_token: cannot be checked", retry_after=1.0)
        if (identity.device, identity.role) != (self.identity.device, self.identity.role):
            raise StreamEndedError(errors.OTHER_IDENTITY)
        try:
            if await is_revoked(identity.device, identity.issued_at):
                return NotAllowedError("refresh.access_token: was revoked")
        except BackendAwayError:
            return UnavailableError("refresh.access_token: cannot be checked", retry_after=1.0)
        self.identity = identity
        self._look()
        return None
