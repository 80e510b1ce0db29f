"""A bare HTTP/2 connection (RFC 9113), for what no gRPC client would do.

It reads only when it is asked to: until then it acknowledges nothing, answers no
ping and gives no window.
"""

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import Final, NamedTuple

from signaling.v1 import signaling_pb2 as pb

from tests.devices import PATIENCE

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CONNECT: Final = "/signaling.v1.SignalingService/Connect"
MAX_FRAME: Final = 16384
END_STREAM: Final = 0x1
END_HEADERS: Final = 0x4
ACK: Final = 0x1
MAX_CONCURRENT_STREAMS: Final = 3  # a setting
INITIAL_WINDOW_SIZE: Final = 4  # likewise
MAX_HEADER_LIST_SIZE: Final = 6  # likewise
REFUSED_STREAM: Final = 7  # an error code


class Kind(IntEnum):
    """The kinds of frames that matter here."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class Frame(NamedTuple):
    """A frame as it came."""

    kind: int
    flags: int
    stream: int
    payload: bytes


class Http2:
    """A client's connection to `address`."""

    def __init__(self, address: str) -> None:
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._acknowledges = True
        self.settings: dict[int, int] = {}  # the service's

    async def open(self, window: int = 65535, *, acknowledges: bool = True) -> None:
        """Connect, and shake hands; a stream may send `window` bytes until it is granted more."""
        await self.open_tcp()
        self._acknowledges = acknowledges
        self.write(PREFACE)
        self.frame(Kind.SETTINGS, 0, struct.pack(">HI", INITIAL_WINDOW_SIZE, window))
        await self.hears(Kind.SETTINGS)

    async def open_tcp(self) -> None:
        """Connect and say nothing."""
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)

    # sending; frames of one turn of the event loop travel together

    def write(self, data: bytes) -> None:
        """Send bytes; into the void, if the other side has gone."""
        assert self._writer is not None
        if not self._writer.is_closing():
            self._writer.write(data)

    async def flush(self) -> bool:
        """Wait until the other side has taken most of it; returns whether it is still there."""
        assert self._writer is not None
        try:
            await self._writer.drain()
        except ConnectionError:
            return False
        return not self._writer.is_closing()

    def frame(
        self, kind: int, stream: int, payload: bytes, flags: int = 0, size: int | None = None
    ) -> None:
        """Send a frame; it may claim to be of another `size`."""
        self.write(framed(kind, stream, payload, flags, size))

    def request(
        self, stream: int, metadata: Sequence[tuple[str, str]], path: str = CONNECT
    ) -> None:
        """Begin an RPC."""
        block = header_block(metadata, path)
        parts = [block[at : at + MAX_FRAME] for at in range(0, len(block), MAX_FRAME)]
        for index, part in enumerate(parts):
            flags = END_HEADERS if index == len(parts) - 1 else 0
            self.frame(Kind.CONTINUATION if index else Kind.HEADERS, stream, part, flags)

    def send(self, stream: int, *messages: pb.ConnectRequest | bytes) -> None:
        """Send messages, whatever the window."""
        for message in messages:
            body = message if isinstance(message, bytes) else message.SerializeToString()
            data = b"\x00" + len(body).to_bytes(4, "big") + body
            for at in range(0, len(data), MAX_FRAME):
                self.frame(Kind.DATA, stream, data[at : at + MAX_FRAME])

    def half_close(self, stream: int) -> None:
        """Say that a stream sends no more."""
        self.frame(Kind.DATA, stream, b"", END_STREAM)

    def ping(self) -> None:
        """Send a ping."""
        self.frame(Kind.PING, 0, b"12345678")

    def reset(self, stream: int) -> None:
        """Cancel an RPC."""
        self.frame(Kind.RST_STREAM, stream, (8).to_bytes(4, "big"))

    def grant(self, stream: int, size: int) -> None:
        """Let a stream and the connection send this many bytes more."""
        for which in (0, stream):
            self.frame(Kind.WINDOW_UPDATE, which, size.to_bytes(4, "big"))

    def abort(self) -> None:
        """Break the TCP connection off."""
        if self._writer is None or self._writer.is_closing():
            return
        raw = self._writer.get_extra_info("socket")
        if raw is not None and raw.fileno() >= 0:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def close(self) -> None:
        """Close the TCP connection as one does."""
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(ConnectionError):
                await self._writer.wait_closed()
            self._writer = None

    # reading

    async def next(self) -> Frame | None:
        """The next frame, None at the end; settings and pings are answered on the way."""
        assert self._reader is not None
        try:
            head = await self._reader.readexactly(9)
            payload = await self._reader.readexactly(int.from_bytes(head[:3], "big"))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        frame = Frame(head[3], head[4], int.from_bytes(head[5:], "big"), payload)
        if frame.kind == Kind.SETTINGS and not frame.flags & ACK:
            self.settings.update(struct.iter_unpack(">HI", payload))
            if self._acknowledges:
                self.frame(Kind.SETTINGS, 0, b"", ACK)
        elif frame.kind == Kind.PING and not frame.flags & ACK:
            self.frame(Kind.PING, 0, payload, ACK)
        return frame

    async def hears(self, kind: Kind, stream: int = 0) -> bytes:
        """The payload of the next frame of a kind."""
        async with asyncio.timeout(PATIENCE):
            while (frame := await self.next()) is not None:
                if (frame.kind, frame.stream) == (kind, stream):
                    return frame.payload
        raise AssertionError(f"the connection ended instead of {kind.name}")

    async def hears_pong(self) -> None:
        """Wait until a ping is answered: what went before it was read."""
        async with asyncio.timeout(PATIENCE):
            while (frame := await self.next()) is not None:
                if frame.kind == Kind.PING and frame.flags & ACK:
                    return
        raise AssertionError("the connection ended")

    async def is_closed(self) -> None:
        """Wait until the service closes the connection."""
        async with asyncio.timeout(PATIENCE):
            while await self.next() is not None:
                pass

    async def reads_all(self, stream: int) -> tuple[list[pb.ConnectResponse], int]:
        """Read an RPC to its end; returns its messages and its gRPC status.

        The first RPC of a connection alone: the status of a later one is compressed.
        """
        data, blocks = b"", b""
        self.grant(stream, 2**30)
        async with asyncio.timeout(PATIENCE):
            while (frame := await self.next()) is not None:
                if frame.stream != stream:
                    continue
                if frame.kind == Kind.DATA:
                    data += frame.payload
                elif frame.kind == Kind.HEADERS:
                    blocks += frame.payload
                    if frame.flags & END_STREAM:
                        break
                elif frame.kind == Kind.RST_STREAM:
                    break
        found = re.search(rb"grpc-status[\x01\x02](\d+)", blocks)
        assert found is not None, f"no status: {blocks!r}"
        return _messages(data), int(found[1])


def framed(
    kind: int, stream: int, payload: bytes, flags: int = 0, size: int | None = None
) -> bytes:
    """A frame as it travels; it may claim to be of another `size`."""
    head = (len(payload) if size is None else size).to_bytes(3, "big") + bytes([kind, flags])
    return head + stream.to_bytes(4, "big") + payload


def header_block(metadata: Sequence[tuple[str, str]], path: str = CONNECT) -> bytes:
    """The header fields of an RPC (RFC 7541), none of them indexed."""
    headers = [("content-type", "application/grpc"), ("te", "trailers"), *metadata]
    block = b"\x83\x86"  # :method POST, :scheme http (RFC 7541 appendix A)
    block += b"\x04" + string(path) + b"\x01" + string("test")
    return block + b"".join(b"\x00" + string(name) + string(value) for name, value in headers)


def _messages(data: bytes) -> list[pb.ConnectResponse]:
    messages = []
    while data:
        end = 5 + int.from_bytes(data[1:5], "big")
        messages.append(pb.ConnectResponse.FromString(data[5:end]))
        data = data[end:]
    return messages


def string(value: str) -> bytes:
    """A string literal (RFC 7541 §5.2), not Huffman-coded."""
    data = value.encode()
    if len(data) < 127:
        return bytes([len(data)]) + data
    rest, size = b"\x7f", len(data) - 127
    while size >= 128:
        rest += bytes([size % 128 + 128])
        size //= 128
    return rest + bytes([size]) + data
