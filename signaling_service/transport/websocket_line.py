"""One connection of a WebSocket client: bytes in and out, and no more than there is room for.

`websockets` makes frames of bytes and bytes of frames, and does no I/O here. asyncio tells a
line what happens to it, and its task serves the device. What a client may do to a line
without being let in is bounded by the line: how long it may be silent, how much may wait,
how often it may ping, and how long it may take to say goodbye.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, Final, cast

from grpc import StatusCode
from websockets.exceptions import PayloadTooBig
from websockets.frames import DATA_OPCODES, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from signaling_service.core.buckets import TokenBucket
from signaling_service.transport.errors import CANCELLED, Status
from signaling_service.transport.websocket_bounds import Bounds
from signaling_service.transport.websocket_codes import closing
from signaling_service.transport.websocket_inbox import Inbox
from signaling_service.transport.websocket_visitor import chosen, is_welcome

HANDSHAKE_TIMEOUT: Final = 5.0  # s; a silent TCP connection is no device
CLOSE_TIMEOUT: Final = 5.0  # s; for the answer to a close frame, then the connection is cut
PIECE: Final = 4 * 1024  # bytes that are looked at before others have their turn
WRITE_AHEAD: Final = 32 * 1024  # bytes that may wait for a peer to read, before a write does
END_OF_HEAD: Final = b"\r\n\r\n"

TOO_LARGE: Final = "The headers are too large.\n"
NOT_WELCOME: Final = "Pages of this origin may not connect.\n"
TOO_LARGE_MESSAGE: Final = Status(StatusCode.RESOURCE_EXHAUSTED, "a message is too large")
NO_WEBSOCKET: Final = Status(StatusCode.INVALID_ARGUMENT, "not as WebSocket has it")

# its lines would tell of every handshake, with the credentials in it
SILENT: Final = logging.getLogger("signaling_service.websockets")
SILENT.disabled = True

Come = Callable[["Line"], bool]  # whether there is room
Serve = Callable[["Line"], Coroutine[Any, Any, None]]
Went = Callable[["Line"], None]


class Line(asyncio.Protocol):
    """A connection: `read` and `write` whole messages, `hang_up` at the end."""

    __slots__ = (
        "_bounds",
        "_come",
        "_control",
        "_gone",
        "_heard_at",
        "_inbox",
        "_is_head_read",
        "_is_looking",
        "_is_paused",
        "_is_pinged",
        "_loop",
        "_protocol",
        "_room",
        "_serve",
        "_timer",
        "_unread",
        "_went",
        "request",
        "task",
        "transport",
    )

    def __init__(self, bounds: Bounds, come: Come, serve: Serve, went: Went) -> None:
        self._loop = asyncio.get_running_loop()
        self._bounds = bounds
        self._come = come
        self._serve = serve
        self._went = went
        self._protocol = ServerProtocol(
            select_subprotocol=lambda _, offered: chosen(offered),
            max_size=bounds.message_bytes,
            logger=SILENT,
        )
        self._inbox = Inbox()
        self._unread = b""  # came, and is not looked at yet
        self._is_head_read = False  # of the upgrade request
        self._is_looking = False  # at the rest, soon
        self._is_paused = False  # nothing more is taken from the socket
        self._room: asyncio.Future[None] | None = None  # done once the peer has read
        self._gone: asyncio.Future[None] = self._loop.create_future()
        self._control = TokenBucket(bounds.pings, self._loop.time())
        self._heard_at = 0.0
        self._is_pinged = False  # and has not answered
        self._timer: asyncio.TimerHandle | None = None
        self.request: Request | None = None  # what it came with, until that is judged
        self.task: asyncio.Task[None] | None = None
        self.transport: asyncio.Transport

    # what its task does

    async def read(self) -> bytes | None:
        """The next message, None when the client has said goodbye.

        Raises:
            StreamEndedError: what came is no message.
        """
        message = await self._inbox.next()
        if self._is_paused and not self._inbox.is_full:
            self._look_soon()
        return message

    async def write(self, message: bytes) -> None:
        """Send a message; returns once there is room for another. Who has gone gets nothing."""
        if self._protocol.state is not State.OPEN:
            return
        self._protocol.send_binary(message)
        self._flush()
        if self._room is not None:
            await asyncio.shield(self._room)

    def end(self, how: Status | None) -> None:
        """Read no more: the stream ends in this way, once what came before is read."""
        if not self._inbox.is_over:
            self._inbox.end(how)
            self._set_timer(CLOSE_TIMEOUT, self.abort)

    async def hang_up(self, how: Status | None) -> None:
        """Say how the stream has ended; returns when the connection has, too."""
        self._inbox.end(CANCELLED)
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(*closing(how))
            self._flush()
        if not self._gone.done():
            self._set_timer(CLOSE_TIMEOUT, self.transport.abort)
            self._look_soon()  # for the answer
            await self._gone
        self._set_timer(0, None)

    def abort(self) -> None:
        """Cut the connection, and the work for it."""
        self.abort_transport()
        if self.task is not None:
            self.task.cancel()

    def abort_transport(self) -> None:
        """Cut the connection."""
        self._set_timer(0, None)
        self.transport.abort()

    # what asyncio tells it

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(WRITE_AHEAD)
        self._set_timer(HANDSHAKE_TIMEOUT, self.transport.abort)
        if not self._come(self):
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - all are the same
        """See `asyncio.Protocol`; who has said goodbye may have left messages to be read."""
        self._protocol.receive_eof()
        self._unread = b""
        self.resume_writing()
        if not self._inbox.is_over:
            self._set_timer(0, None)
            if self.task is not None:
                self.task.cancel()
        if not self._gone.done():
            self._gone.set_result(None)
        self._went(self)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._heard_at = self._loop.time()
        self._is_pinged = False
        self._unread += data
        if not self._is_looking:
            self._look()

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._room = self._loop.create_future()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    # what has come

    def _look_soon(self) -> None:
        if not self._is_looking:
            self._is_looking = True
            self._loop.call_soon(self._look)

    def _look(self) -> None:
        """Look at a piece of what has come, and at the rest when others have had their turn."""
        self._is_looking = False
        if not self._is_head_read:
            self._greet()
        elif self._unread and not self._inbox.is_full:
            piece, self._unread = self._unread[:PIECE], self._unread[PIECE:]
            self._protocol.receive_data(piece)
            for event in self._protocol.events_received():
                self._take(cast("Frame", event))
            self._flush()
            self._see_end()
        if self._unread and self._is_head_read and not self._inbox.is_full:
            self._look_soon()
        self._pause(bool(self._unread and self._is_head_read) or self._inbox.is_full)

    def _pause(self, is_paused: bool) -> None:  # noqa: FBT001 - a state
        if is_paused == self._is_paused or self.transport.is_closing():
            return
        self._is_paused = is_paused
        if is_paused:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def _greet(self) -> None:
        """Look for the head of an upgrade request; a client waits for the answer to it."""
        head, end, rest = self._unread.partition(END_OF_HEAD)
        if not end and len(head) <= self._bounds.head_bytes:
            return
        self._is_head_read, self._unread = True, rest
        if end and len(head) <= self._bounds.head_bytes:
            self._protocol.receive_data(head + end)
            for request in self._protocol.events_received():
                self._answer(cast("Request", request))
        else:
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            self._protocol.send_response(self._protocol.reject(status, TOO_LARGE))
        self._flush()
        if self._protocol.state is State.OPEN:
            self._set_timer(self._bounds.keepalive, self._keep_alive)
            self.task = self._loop.create_task(self._serve(self))
        else:
            self._inbox.end(CANCELLED)

    def _answer(self, request: Request) -> None:
        """Upgrade the connection, or say why not (RFC 6455 §4.2.2)."""
        origins = request.headers.get_all("origin")
        if all(is_welcome(origin, self._bounds.origins) for origin in origins):
            response = self._protocol.accept(request)
        else:
            response = self._protocol.reject(HTTPStatus.FORBIDDEN, NOT_WELCOME)
        self._protocol.send_response(response)
        self.request = request

    def _take(self, frame: Frame) -> None:
        if frame.opcode in DATA_OPCODES:
            how = self._inbox.take(frame)
        elif frame.opcode is not Opcode.CLOSE and self._control.take(self._loop.time()) < 0:
            how = Status(StatusCode.RESOURCE_EXHAUSTED, f"pings: {self._bounds.pings}")
        else:
            return
        if how is not None:
            self.end(how)

    def _see_end(self) -> None:
        """See whether the client has said goodbye, or what no WebSocket client says."""
        if self._protocol.close_rcvd is not None:
            self.end(None)
        elif (error := self._protocol.parser_exc) is not None:
            is_large = isinstance(error, PayloadTooBig)
            self.end(TOO_LARGE_MESSAGE if is_large else NO_WEBSOCKET)

    # what goes out

    def _flush(self) -> None:
        """Send what `websockets` has to send; an empty piece is the end."""
        for data in self._protocol.data_to_send():
            if self.transport.is_closing():
                return
            if data:
                self.transport.write(data)
            elif self.transport.can_write_eof():
                self.transport.write_eof()
            else:
                self.transport.close()

    # time

    def _set_timer(self, delay: float, then: Callable[[], None] | None) -> None:
        """Have this done later, in place of what was to be done."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if then is None else self._loop.call_later(delay, then)

    def _keep_alive(self) -> None:
        """Ping who has been silent, unless nobody listens to them; cut who does not answer."""
        now = self._loop.time()
        if self._is_paused:
            self._heard_at = now
        left = self._heard_at + self._bounds.keepalive - now
        if left > 0:
            self._set_timer(left, self._keep_alive)
        elif self._is_pinged:
            self.abort()
        else:
            self._is_pinged = True
            self._protocol.send_ping(b"")
            self._flush()
            self._set_timer(self._bounds.keepalive_timeout, self._keep_alive)
