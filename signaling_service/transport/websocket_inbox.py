"""Messages of a WebSocket that have come and are not read yet."""

import asyncio
from collections import deque
from typing import Final

from grpc import StatusCode
from websockets.frames import Frame, Opcode

from signaling_service.transport.errors import Status, StreamEndedError

MAX_FRAGMENTS: Final = 1024  # of a message; empty ones would count for nothing
MOST: Final = 16  # messages that wait; then the peer does
MOST_BYTES: Final = 128 * 1024  # likewise

NO_BINARY: Final = Status(StatusCode.INVALID_ARGUMENT, "a frame is binary")
TOO_MANY_FRAGMENTS: Final = Status(
    StatusCode.RESOURCE_EXHAUSTED, f"fragments of a message: at most {MAX_FRAGMENTS}"
)


class Inbox:
    """Takes frames of data, gives messages, and knows how they end."""

    __slots__ = ("_bytes", "_fragments", "_messages", "_waiter", "is_over")

    def __init__(self) -> None:
        self.is_over = False  # nothing comes any more
        self._messages: deque[bytes | StreamEndedError | None] = deque()
        self._bytes = 0  # of those messages
        self._fragments: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be taken for now."""
        is_much = len(self._messages) >= MOST or self._bytes >= MOST_BYTES
        return is_much and not self.is_over

    def take(self, frame: Frame) -> Status | None:
        """Take a frame: a message, or a fragment of one (RFC 6455 §5.4); returns why not."""
        if self.is_over:
            return None
        if frame.opcode is Opcode.TEXT:
            return NO_BINARY
        self._fragments.append(bytes(frame.data))
        if frame.fin:
            message = b"".join(self._fragments)
            self._fragments.clear()
            self._bytes += len(message)
            self._put(message)
        elif len(self._fragments) >= MAX_FRAGMENTS:
            return TOO_MANY_FRAGMENTS
        return None

    def end(self, how: Status | None) -> None:
        """Nothing more comes: in peace (None), or because of what came."""
        if not self.is_over:
            self.is_over = True
            self._fragments.clear()
            self._put(None if how is None else StreamEndedError(how))

    async def next(self) -> bytes | None:
        """The next message, None when they end.

        Raises:
            StreamEndedError: what came is none, or too much.
        """
        while not self._messages:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        message = self._messages.popleft()
        if isinstance(message, StreamEndedError):
            raise message
        self._bytes -= len(message or b"")
        return message

    def _put(self, message: bytes | StreamEndedError | None) -> None:
        self._messages.append(message)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
