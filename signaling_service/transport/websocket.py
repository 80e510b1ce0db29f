"""The WebSocket face of a node: for browsers, which have no streams of gRPC.

One binary frame is one message. All else is as over gRPC: a device is let in at the same
reception, and its stream is the same.
"""

import asyncio
import socket
import ssl
from typing import Final

from signaling.v1 import signaling_pb2 as pb

from signaling_service.addresses import host_and_port
from signaling_service.auth.authenticator import Visitor
from signaling_service.core.requests import kind_of
from signaling_service.transport import errors
from signaling_service.transport.door import Door
from signaling_service.transport.errors import StreamEndedError
from signaling_service.transport.guard import parsed
from signaling_service.transport.reception import HELLO_TIMEOUT, Reception
from signaling_service.transport.service import Service
from signaling_service.transport.websocket_bounds import Bounds
from signaling_service.transport.websocket_line import CLOSE_TIMEOUT, HANDSHAKE_TIMEOUT, Line
from signaling_service.transport.websocket_visitor import (
    certificate_names,
    has_credentials,
    metadata_of,
    offered_by,
    peer_name,
    with_token,
)

BACKLOG: Final = 1024  # connections that the kernel keeps while a crowd comes


class Edge:
    """Listens for WebSocket clients: `listen`, `start`, and `stop` at the end.

    Args:
        service: what streams work with.
        reception: who runs them.
        door: where everybody comes in.
        bounds: what a client may do.
        connections: how many there may be at once.
    """

    def __init__(
        self, service: Service, reception: Reception, door: Door, bounds: Bounds, connections: int
    ) -> None:
        self._service = service
        self._reception = reception
        self._door = door
        self._bounds = bounds
        self._connections = connections
        self._lines: set[Line] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._socket: socket.socket | None = None
        self._server: asyncio.Server | None = None

    def __len__(self) -> int:
        return len(self._lines)

    def listen(self, address: str, *, share_port: bool = False) -> str:
        """Take an address; clients are answered from `start` on.

        Returns:
            The address with the port that was chosen.

        Raises:
            OSError: it cannot be listened on.
        """
        host, port = host_and_port(address)
        family, *_, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        self._socket = socket.create_server(
            where[:2], family=family, backlog=BACKLOG, reuse_port=share_port
        )
        return f"{address.rpartition(':')[0]}:{self._socket.getsockname()[1]}"

    async def start(self, tls: ssl.SSLContext | None) -> None:
        """Answer clients, over TLS or without; after `listen`."""
        if self._socket is None:
            raise AssertionError("there is nowhere to listen")
        timeouts = (HANDSHAKE_TIMEOUT, CLOSE_TIMEOUT) if tls is not None else (None, None)
        self._server = await asyncio.get_running_loop().create_server(
            self._line,
            sock=self._socket,
            ssl=tls,
            ssl_handshake_timeout=timeouts[0],
            ssl_shutdown_timeout=timeouts[1],
        )

    async def stop(self, grace: float) -> None:
        """Listen no more; what is still open after `grace` seconds is cut."""
        if self._server is not None:
            self._server.close()
        elif self._socket is not None:
            self._socket.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        for line in list(self._lines):
            line.abort()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _line(self) -> Line:
        return Line(self._bounds, self._come, self._serve, self._lines.discard)

    def _come(self, line: Line) -> bool:
        """Count a connection, if there is room for it: with TLS it has one already."""
        has_room = len(self._lines) < self._connections
        if has_room:
            self._lines.add(line)
        return has_room

    async def _serve(self, line: Line) -> None:
        """What the task of a line does."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type
        self._tasks.add(task)
        try:
            arrival = _Upgrade(line, self._service, self._door, self._bounds)
            await line.hang_up(await self._reception.receive(arrival))
        except asyncio.CancelledError:
            line.abort_transport()  # the client has gone
        finally:
            self._tasks.discard(task)


class _Upgrade:
    """A line that wants to be a stream: see `Arrival`."""

    def __init__(self, line: Line, service: Service, door: Door, bounds: Bounds) -> None:
        self._line = line
        self._service = service
        self._door = door
        self._bounds = bounds
        self.hello_timeout = HELLO_TIMEOUT
        self.peer = peer_name(line.transport.get_extra_info("peername"))
        self.read = line.read
        self.write = line.write

    async def introduce(self) -> Visitor:
        """See `Arrival`."""
        request, self._line.request = self._line.request, None
        headers = [] if request is None else list(request.headers.raw_items())
        self._door.measure(headers)
        metadata = metadata_of(headers, offered_by(headers))
        if self._service.authenticator.takes_tokens and not has_credentials(metadata):
            metadata = with_token(metadata, await self._first_token())
        names = certificate_names(self._line.transport.get_extra_info("peercert"))
        return Visitor(metadata, self.peer, names)

    async def begin(self) -> None:
        """See `Arrival`."""

    async def _first_token(self) -> str | None:
        """The token in the first frame, None if that has none.

        Raises:
            StreamEndedError: it does not come in time, or is no message.
        """
        clock = self._service.clock
        began_at = clock.now()
        timer = clock.call_later(HELLO_TIMEOUT, self._say_late)
        try:
            message = await self._line.read()
        finally:
            timer.cancel()
        if message is None:
            raise StreamEndedError(errors.NO_HELLO)
        request = parsed(pb.ConnectRequest.FromString, message, errors.NO_REQUEST)
        kind = kind_of(request)
        self._service.traffic.received[kind] += 1
        self.hello_timeout = max(HELLO_TIMEOUT - (clock.now() - began_at), 0)
        return request.refresh.access_token if kind == "refresh" and not request.seq else None

    def _say_late(self) -> None:
        self._line.end(errors.HELLO_TIMEOUT)
