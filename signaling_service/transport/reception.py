"""Where every device is let in and its stream is run, whatever carries the bytes."""

from typing import Final, Protocol

from grpc import StatusCode

from signaling_service.auth.authenticator import Visitor
from signaling_service.auth.identity import Role
from signaling_service.transport import errors
from signaling_service.transport.admission import admit_stream
from signaling_service.transport.credentials import Credentials
from signaling_service.transport.door import Door
from signaling_service.transport.errors import Status, StreamEndedError
from signaling_service.transport.guard import settled
from signaling_service.transport.service import Service
from signaling_service.transport.stream import Stream
from signaling_service.transport.streams import Streams

HELLO_TIMEOUT: Final = 5.0  # s; a stream without a hello costs memory and does nothing


class Arrival(Protocol):
    """Somebody who has come over one of the transports, and wants a stream."""

    @property
    def peer(self) -> str:
        """The other end of the connection, as gRPC writes it: `ipv4:192.0.2.1:5`."""

    @property
    def hello_timeout(self) -> float:
        """How long their hello may still take, in seconds."""

    async def introduce(self) -> Visitor:
        """What they have brought.

        Raises:
            StreamEndedError: it is not taken.
        """

    async def begin(self) -> None:
        """They are let in."""

    async def read(self) -> object:
        """Their next message; anything but bytes: there will be no more.

        Raises:
            StreamEndedError: what came is no message, and how the stream ends.
        """

    async def write(self, message: bytes) -> None:
        """Send them a message; returns once there is room for the next."""


class Reception:
    """Lets devices in.

    Args:
        service: what their streams work with.
        streams: where they are kept while they are open.
        door: who tells who somebody is.
    """

    def __init__(self, service: Service, streams: Streams, door: Door) -> None:
        self._service = service
        self._streams = streams
        self._door = door

    async def receive(self, arrival: Arrival) -> Status | None:
        """Serve a device; returns how its stream ended, None after a polite end.

        Whoever calls is cancelled when the device has gone.
        """
        code = StatusCode.CANCELLED  # unless it comes to another end
        try:
            status = await settled(lambda: self._serve(arrival))
            code = StatusCode.OK if status is None else status.code
        finally:
            self._service.traffic.streams_ended[code] += 1
        return status

    async def _serve(self, arrival: Arrival) -> Status | None:
        try:
            credentials = await self._enter(arrival)
        except StreamEndedError as error:
            self._service.witness.journal.turned_away(arrival.peer, error.how)
            raise

        await arrival.begin()
        stream = Stream(credentials, self._service, arrival.read, arrival.write)
        self._streams.add(stream)
        how: Status | None = errors.CANCELLED
        began_at = self._service.clock.now()
        try:
            how = await stream.run(arrival.hello_timeout)
        finally:
            self._streams.remove(stream)
            device = credentials.identity.device
            self._service.witness.journal.stream_ended(device, how or errors.OK, began_at)
        return how

    async def _enter(self, arrival: Arrival) -> Credentials:
        """Let a device in.

        Raises:
            StreamEndedError: it may not come in, or not now.
        """
        visitor = await arrival.introduce()
        identity = await self._door.identify(visitor)
        if identity.role is not Role.DEVICE:
            raise StreamEndedError(errors.NO_DEVICE)
        if self._streams.is_draining:
            raise StreamEndedError(errors.DRAINING)
        admit_stream(identity.device, self._service)
        authenticator, clock = self._service.authenticator, self._service.clock
        return Credentials(identity, authenticator.origin(visitor), authenticator, clock)
