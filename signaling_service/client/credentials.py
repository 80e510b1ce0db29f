"""Who a device is: by its word, or by a token that is renewed while it is connected."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from signaling_service.client.stream import Metadata
from signaling_service.client.timing import Timing

Credentials = Callable[[], Metadata | Awaitable[Metadata]]  # asked before every connection
# of the time that a token has left it is renewed after so much: drawn, so nobody comes in step
EARLIEST: Final = 0.7
LATEST: Final = 0.9
MIN_WAIT: Final = 1.0  # s; between two questions, whatever a source says


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and when it expires.

    Attributes:
        access_token: what the service wants to see.
        expires_at: seconds since the epoch; None if nobody has said: then it is not renewed.
    """

    access_token: str = field(repr=False)
    expires_at: float | None = None


TokenSource = str | Callable[[], str | Token | Awaitable[str | Token]]


def identity(user_id: str, device_id: str) -> Credentials:
    """The credentials of a service that takes devices at their word, as on one's own machine."""
    return lambda: (("user-id", user_id), ("device-id", device_id))


def bearer(source: TokenSource) -> "Bearer":
    """The credentials of a service that wants tokens.

    Args:
        source: a token, or better a function, also a coroutine function, that is asked for
            one before every connection. If what it returns is a `Token` that says when it
            expires, the client asks again ahead of that and renews it in the stream.
    """
    return Bearer(source)


class Bearer:
    """Credentials by token: see `bearer`."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source
        self._token = Token("")

    async def __call__(self) -> Metadata:
        """Ask for a token; returns the request metadata with it (RFC 6750 §2.1)."""
        self._token = await self._ask()
        return (("authorization", f"Bearer {self._token.access_token}"),)

    async def renew(self, timing: Timing, refresh: Callable[[str], None]) -> None:
        """Ask for a new token ahead of each expiry, and `refresh` the stream with it.

        Returns when the source does not say any longer when its token expires. An `OSError`
        of the source is no network: it is asked again. Its other exceptions are raised.
        """
        failures = 0
        while (expires_at := self._token.expires_at) is not None:
            left = expires_at - timing.now()
            wait = timing.backoff(failures) if failures else left * timing.uniform(EARLIEST, LATEST)
            await timing.sleep(max(wait, MIN_WAIT))
            try:
                token = await self._ask()
            except OSError:
                failures += 1
                continue
            failures = 0
            if token.access_token != self._token.access_token:
                refresh(token.access_token)
            self._token = token

    async def _ask(self) -> Token:
        found = self._source if isinstance(self._source, str) else self._source()
        if inspect.isawaitable(found):
            found = await found
        return Token(found.strip()) if isinstance(found, str) else found
