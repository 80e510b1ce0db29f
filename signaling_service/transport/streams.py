"""The live streams of a node: what all of them are told, and the ones that are stuck."""

import asyncio
from typing import Final

from google.protobuf.duration_pb2 import Duration
from signaling.v1 import signaling_pb2 as pb

from signaling_service.clock import Clock, Timer
from signaling_service.ice import IceProvider
from signaling_service.transport import errors
from signaling_service.transport.stream import Stream

DRAIN_SPREAD: Final = 0.8  # of the deadline: the last to leave still gets away in time
ICE_REFRESH: Final = 0.75  # of a credential's life: nobody starts a call with one about to end


class Streams:
    """Every stream that is open on this node."""

    def __init__(self, clock: Clock, ice: IceProvider) -> None:
        self._clock = clock
        self._ice = ice
        self._streams: dict[Stream, None] = {}  # in the order they came
        self._timer: Timer | None = None
        self._empty: asyncio.Event | None = None
        self.is_draining = False

    def __len__(self) -> int:
        return len(self._streams)

    def add(self, stream: Stream) -> None:
        """A stream begins."""
        self._streams[stream] = None
        if self._timer is None and self._ice.has_relays:
            self._timer = self._clock.call_later(self._ice.ttl * ICE_REFRESH, self._refresh_ice)

    def remove(self, stream: Stream) -> None:
        """A stream has ended."""
        del self._streams[stream]
        if self._empty is not None and not self._streams:
            self._empty.set()

    def drain(self, deadline: float) -> None:
        """Ask every device to go elsewhere, one after the other, within `deadline` seconds."""
        self.is_draining = True
        for index, stream in enumerate(self._streams):
            if not stream.is_open:
                stream.end(errors.DRAINING)
                continue
            wait = deadline * DRAIN_SPREAD * index / len(self._streams)
            draining = pb.Draining(reconnect_after=_duration(wait), deadline=_duration(deadline))
            stream.send(pb.ConnectResponse(draining=draining))

    async def wait_empty(self) -> None:
        """Wait until no stream is open."""
        self._empty = asyncio.Event()
        if self._streams:
            await self._empty.wait()

    def end_all(self) -> None:
        """End the streams that are still there."""
        for stream in self._streams:
            stream.end(errors.DRAINING)

    def close(self) -> None:
        """Refresh no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _refresh_ice(self) -> None:
        """Give every connected device fresh credentials before its last ones expire."""
        self._timer = self._clock.call_later(self._ice.ttl * ICE_REFRESH, self._refresh_ice)
        for stream in self._streams:
            servers = self._ice.issue(self._clock.now())
            stream.send(pb.ConnectResponse(ice_servers=pb.IceServers(servers=servers)))


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromMilliseconds(round(seconds * 1000))
    return duration
