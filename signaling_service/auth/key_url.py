"""Public keys that an issuer publishes: a JWKS at a URL."""

import asyncio
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from typing import Any, Final

import structlog

from signaling_service.auth.identity import KeysAwayError
from signaling_service.auth.keys import Key, matching, parse
from signaling_service.clock import Clock

FETCH_TIMEOUT: Final = 5.0  # s
FRESH: Final = 300.0  # s; so long a key that was withdrawn still counts
MAX_AGE: Final = 3600.0  # s; an issuer that is away longer keeps everybody out
MIN_INTERVAL: Final = 60.0  # s; forged tokens make us ask no more often than that
FIRST_RETRY: Final = 5.0  # s; while there are no keys at all, nobody can come in
MAX_JWKS_BYTES: Final = 256 * 1024

log = structlog.get_logger()


class UrlKeys:
    """A `KeySource` that fetches a JWKS, one fetch at a time, and keeps what it got last.

    It is fetched again when it is no longer fresh, and for a `kid` that is not in it: that is
    how an issuer's new key comes to be known.

    Args:
        url: `https:`, or `http:` on loopback.
        clock: what time it is.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self._keys: Sequence[Key] = ()
        self._fetched_at = float("-inf")
        self._may_fetch_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Fetch the keys; an issuer that is away keeps nobody from starting."""
        await self._fetch_once()

    async def find(self, kid: str | None) -> Sequence[Key]:
        """See `KeySource.find`."""
        if self._age > FRESH:
            fetching = self._fetch_once()
            if self._age > MAX_AGE:
                await fetching
        found = matching(self._keys, kid)
        if not found and self._keys:
            await self._fetch_once()
            found = matching(self._keys, kid)
        if self._age > MAX_AGE:
            raise KeysAwayError
        return found

    @property
    def _age(self) -> float:
        return self._clock.now() - self._fetched_at

    def _fetch_once(self) -> asyncio.Future[None]:
        """The fetch that is under way, or a new one, or none if it is too early for that."""
        if self._fetching is None and self._clock.now() >= self._may_fetch_at:
            self._fetching = asyncio.create_task(self._fetch())
        if self._fetching is None:
            nothing = asyncio.get_running_loop().create_future()
            nothing.set_result(None)
            return nothing
        return asyncio.shield(self._fetching)

    async def _fetch(self) -> None:
        now = self._clock.now()
        self._may_fetch_at = now + (MIN_INTERVAL if self._keys else FIRST_RETRY)
        try:
            self._keys = parse(await asyncio.to_thread(self._get))
            self._fetched_at, self._may_fetch_at = now, now + MIN_INTERVAL
        except (OSError, ValueError, HTTPException) as error:
            log.warning("jwt_keys_unreachable", error=type(error).__name__)
        finally:
            self._fetching = None

    def _get(self) -> bytes:
        # a redirect would let somebody else say who comes in
        opener = urllib.request.build_opener(_NoRedirect)
        with opener.open(self._url, timeout=FETCH_TIMEOUT) as response:
            data: bytes = response.read(MAX_JWKS_BYTES)
            return data


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        """Follow none: the answer is an error then."""
