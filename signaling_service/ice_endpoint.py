"""STUN and TURN servers of somebody else, asked for over HTTP."""

import asyncio
import json
import urllib.request
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from typing import Any, Final

import structlog
from signaling.v1 import signaling_pb2 as pb

from signaling_service.clock import Clock, sleep
from signaling_service.ice import TURN_SCHEMES

REQUEST_TIMEOUT: Final = 10.0  # s
REFRESH: Final = 0.5  # of a credential's life: half of it is left to whoever gets it last
RETRY: Final = 5.0  # s; after an endpoint that did not answer
MAX_ANSWER_BYTES: Final = 64 * 1024

log = structlog.get_logger()


class IceEndpoint:
    """An `IceProvider` that asks an HTTP endpoint, as vendors of TURN offer.

    The endpoint answers a GET with JSON: a list of W3C RTCIceServer, or an object
    with such a list, or a single one, as `iceServers` or `ice_servers`. All devices
    share what it answered last.

    Args:
        url: where to ask.
        token: sent as `Authorization: Bearer …`, if there is one.
        ttl: how long a credential works; seconds.
        clock: what time it is.
    """

    def __init__(self, url: str, token: str | None, ttl: float, clock: Clock) -> None:
        self.ttl = ttl
        self._url = url
        self._token = token
        self._clock = clock
        self._servers: list[pb.IceServer] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def has_relays(self) -> bool:
        """Yes: what else would somebody ask a vendor for."""
        return True

    def issue(self, now: float) -> list[pb.IceServer]:
        """See `IceProvider.issue`; none before the first answer, or when it is too old."""
        return [s for s in self._servers if not s.HasField("expire_time") or _expiry(s) > now]

    async def start(self) -> None:
        """Ask once, and go on asking in the background."""
        delay = await self._refresh()
        self._task = asyncio.create_task(self._refresh_for_ever(delay))

    async def close(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _refresh_for_ever(self, delay: float) -> None:
        while True:
            await sleep(self._clock, delay)
            delay = await self._refresh()

    async def _refresh(self) -> float:
        """Ask; returns when to ask again, in seconds from now."""
        now = self._clock.now()
        try:
            answer = await asyncio.to_thread(self._get)
            self._servers = [_server(entry, now + self.ttl) for entry in _entries(answer)]
        except (OSError, HTTPException, ValueError, TypeError, KeyError, RecursionError) as error:
            log.warning("ice_endpoint_failed", error=type(error).__name__)
            return RETRY
        return self.ttl * REFRESH

    def _get(self) -> object:
        request = urllib.request.Request(self._url)  # noqa: S310 - checked
        if self._token:
            # whoever it redirects to does not get the token
            request.add_unredirected_header("Authorization", f"Bearer {self._token}")
        with urllib.request.urlopen(request, timeout=REQUEST_TIMEOUT) as response:  # noqa: S310 - likewise
            return json.loads(response.read(MAX_ANSWER_BYTES))


def _entries(answer: Any) -> Sequence[Mapping[str, Any]]:
    if isinstance(answer, dict):
        answer = answer["iceServers"] if "iceServers" in answer else answer["ice_servers"]
    return [answer] if isinstance(answer, dict) else list(answer)


def _server(entry: Mapping[str, Any], expires_at: float) -> pb.IceServer:
    urls = [entry["urls"]] if isinstance(entry["urls"], str) else list(entry["urls"])
    server = pb.IceServer(
        urls=urls, username=entry.get("username", ""), credential=entry.get("credential", "")
    )
    if any(url.startswith(TURN_SCHEMES) for url in urls):
        server.expire_time.FromSeconds(int(expires_at))
    return server


def _expiry(server: pb.IceServer) -> float:
    return server.expire_time.ToNanoseconds() / 1e9
