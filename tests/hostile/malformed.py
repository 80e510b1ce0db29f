"""Bytes that are no HTTP/2, or frames that it does not allow."""

from random import Random
from typing import Final

from tests.hostile.floods import HELLO, somebody
from tests.transport.http2 import (
    CONNECT,
    END_HEADERS,
    MAX_FRAME,
    PREFACE,
    Http2,
    Kind,
    header_block,
)

LARGEST: Final = 2**24 - 1
TLS_HELLO: Final = bytes.fromhex("16030100c8010000c40303") + bytes(190)


async def http1(connection: Http2, _: int) -> None:
    """A browser that was given the wrong port."""
    await connection.open_tcp()
    connection.write(f"GET {CONNECT} HTTP/1.1\r\nHost: test\r\n\r\n".encode())


async def tls_hello(connection: Http2, _: int) -> None:
    """A client that thinks there is TLS."""
    await connection.open_tcp()
    connection.write(TLS_HELLO)


async def wrong_preface(connection: Http2, _: int) -> None:
    """One letter is another one."""
    await connection.open_tcp()
    connection.write(PREFACE[:-5] + b"M\r\n\r\n" + bytes(100))


async def no_settings(connection: Http2, _: int) -> None:
    """The preface, and then something else than SETTINGS."""
    await connection.open_tcp()
    connection.write(PREFACE)
    connection.frame(Kind.PING, 0, bytes(8))


async def random_bytes(connection: Http2, number: int) -> None:
    """Junk ahead of the preface, or behind it."""
    await connection.open_tcp()
    junk = Random(number).randbytes(20_000)  # noqa: S311 - any
    connection.write((PREFACE if number % 2 else b"") + junk)


async def random_frames(connection: Http2, number: int) -> None:
    """Frames of any kind with any flags at any stream."""
    await connection.open()
    random = Random(number)  # noqa: S311 - any
    connection.request(1, somebody(number, 1))
    for _ in range(200):
        payload = random.randbytes(random.choice([0, 1, 4, 5, 6, 8, 100]))
        connection.frame(random.randrange(11), random.randrange(6), payload, random.randrange(256))
    await connection.flush()


async def frame_too_large(connection: Http2, number: int) -> None:
    """It claims to have 16 MB."""
    await connection.open()
    connection.request(1, somebody(number, 1))
    connection.frame(Kind.DATA, 1, bytes(MAX_FRAME), size=LARGEST)
    await connection.flush()


async def wrong_sizes(connection: Http2, number: int) -> None:
    """A SETTINGS of 5 bytes, a PING of 7, a RST_STREAM of 3, and so on: one on each connection."""
    await connection.open()
    connection.request(1, somebody(number, 1))
    wrong = [
        (Kind.SETTINGS, 0, 5),
        (Kind.PING, 0, 7),
        (Kind.RST_STREAM, 1, 3),
        (Kind.WINDOW_UPDATE, 1, 3),
        (Kind.GOAWAY, 0, 4),
    ]
    kind, stream, size = wrong[number % len(wrong)]
    connection.frame(kind, stream, bytes(size))
    await connection.flush()


async def wrong_streams(connection: Http2, number: int) -> None:
    """DATA and HEADERS on stream 0, SETTINGS on stream 1, an even stream, one that is behind."""
    await connection.open()
    connection.request(5, somebody(number, 1))
    block = header_block(somebody(number, 3))
    wrong = [
        (Kind.HEADERS, 0, block, END_HEADERS),
        (Kind.SETTINGS, 1, bytes(6), 0),
        (Kind.HEADERS, 2, block, END_HEADERS),
        (Kind.HEADERS, 3, block, END_HEADERS),
        (Kind.CONTINUATION, 5, block, END_HEADERS),
        (Kind.PUSH_PROMISE, 5, bytes(4) + block, END_HEADERS),
    ]
    kind, stream, payload, flags = wrong[number % len(wrong)]
    connection.frame(kind, stream, payload, flags)
    await connection.flush()


async def padding_beyond_the_frame(connection: Http2, number: int) -> None:
    """200 bytes of padding in a frame of ten."""
    await connection.open()
    connection.request(1, somebody(number, 1))
    connection.frame(Kind.DATA, 1, b"\xc8" + bytes(9), 0x8)
    await connection.flush()


async def data_on_closed_streams(connection: Http2, number: int) -> None:
    """Messages for streams that are reset, or never were."""
    await connection.open()
    connection.request(1, somebody(number, 1))
    connection.reset(1)
    for stream in (1, 101, 2, 1):
        for _ in range(100):
            connection.send(stream, HELLO)
    await connection.flush()


async def window_of_zero(connection: Http2, number: int) -> None:
    """An update by nothing (RFC 9113 §6.9)."""
    await connection.open()
    connection.request(1, somebody(number, 1))
    connection.grant(1, 0)
    await connection.flush()


async def window_overflow(connection: Http2, number: int) -> None:
    """More window than there may be (RFC 9113 §6.9.1)."""
    await connection.open()
    connection.request(1, somebody(number, 1))
    for _ in range(3):
        connection.grant(1, 2**31 - 1)
    await connection.flush()


async def goaway_and_more(connection: Http2, number: int) -> None:
    """It says goodbye, and stays."""
    await connection.open()
    connection.frame(Kind.GOAWAY, 0, bytes(8))
    for stream in range(1, 40, 2):
        connection.request(stream, somebody(number, stream))
        connection.send(stream, HELLO)
    await connection.flush()


async def wrong_lengths(connection: Http2, number: int) -> None:
    """A message of 4 GB, one with a flag that is none, one of junk."""
    await connection.open()
    for stream, message in (
        (1, b"\x00\xff\xff\xff\xff"),
        (3, b"\xff\0\0\0\2hi"),
        (5, b"\x01\0\0\0\2hi"),
    ):
        connection.request(stream, somebody(number, stream))
        connection.frame(Kind.DATA, stream, message)
    await connection.flush()
