"""Header fields that are too many, too large, or none (RFC 7541)."""

from typing import Final

from tests.hostile.attacking import pours
from tests.hostile.floods import somebody
from tests.transport.http2 import (
    END_HEADERS,
    END_STREAM,
    MAX_FRAME,
    Http2,
    Kind,
    framed,
    header_block,
    string,
)

ENTRY: Final = 4000  # bytes; the dynamic table has room for one
FIRST_DYNAMIC: Final = 62  # index


async def hpack_bomb(connection: Http2, number: int) -> None:
    """A byte of the block is a field of 4,000: 16 KiB become 64 MB, ten times over."""
    await connection.open()
    connection.request(1, somebody(number, 1))
    planted = b"\x40" + string("bomb") + string("x" * ENTRY)
    repeats = bytes([0x80 | FIRST_DYNAMIC]) * (MAX_FRAME - 500)
    for stream in range(3, 23, 2):
        block = header_block(somebody(number, stream)) + (planted if stream == 3 else b"")
        connection.frame(Kind.HEADERS, stream, block)
        connection.frame(Kind.CONTINUATION, stream, repeats, END_HEADERS)
        await connection.flush()


async def hpack_bomb_without_end(connection: Http2, number: int) -> None:
    """The same in a block that does not come to its end."""
    await connection.open()
    planted = b"\x40" + string("bomb") + string("x" * ENTRY)
    connection.frame(Kind.HEADERS, 1, header_block(somebody(number, 1)) + planted)
    repeats = framed(Kind.CONTINUATION, 1, bytes([0x80 | FIRST_DYNAMIC]) * MAX_FRAME)
    await pours(connection, 100, lambda: repeats)
    connection.frame(Kind.CONTINUATION, 1, b"", END_HEADERS)


async def table_that_changes_size(connection: Http2, _: int) -> None:
    """A block of nothing but changes of the dynamic table's size."""
    await connection.open()
    connection.frame(Kind.HEADERS, 1, b"\x20\x3f\xe1\x1f" * 4000, END_HEADERS)
    await connection.flush()


async def index_of_nothing(connection: Http2, _: int) -> None:
    """An entry that no table has."""
    await connection.open()
    connection.frame(Kind.HEADERS, 1, b"\xff\xff\xff\xff\x07", END_HEADERS)
    await connection.flush()


async def number_without_end(connection: Http2, _: int) -> None:
    """An integer of 16 KB (RFC 7541 §5.1)."""
    await connection.open()
    connection.frame(Kind.HEADERS, 1, b"\xff" * 16000, END_HEADERS)
    await connection.flush()


async def huge_name(connection: Http2, number: int) -> None:
    """The name of a field has 60 KB."""
    await connection.open()
    connection.request(1, (*somebody(number, 1), ("x" * 60_000, "y")))
    await connection.flush()


async def huge_fields(connection: Http2, number: int) -> None:
    """A megabyte of fields, in each of five RPCs."""
    await connection.open()
    fields = tuple((f"x-{each}", "y" * 1000) for each in range(1000))
    for stream in range(1, 10, 2):
        connection.request(stream, (*somebody(number, stream), *fields))
        if not await connection.flush():
            return


async def empty_fields(connection: Http2, number: int) -> None:
    """Fields without a name and a value (CVE-2019-9516)."""
    await connection.open()
    empty = b"\x40\x00\x00" * 5000
    for stream in range(1, 40, 2):
        block = header_block(somebody(number, stream)) + empty
        connection.frame(Kind.HEADERS, stream, block, END_HEADERS | END_STREAM)
        if not await connection.flush():
            return


async def not_an_rpc(connection: Http2, number: int) -> None:
    """GET, no path, no method, a content type of the web, a path of 8 KB, upper case, twice."""
    await connection.open()
    odd = [
        b"\x82\x86\x84",
        b"\x83\x86",
        b"\x86" + b"\x04" + string("/"),
        b"\x83\x86" + b"\x04" + string("/" + "x" * 8000),
        b"\x83\x83\x86\x86" + b"\x04" + string("/"),
        header_block((("Upper-Case", "x"),)),
        header_block((("user-id", "\r\nevil: 1"), ("device-id", "\0"))),
        b"\x00" + string("x") + string("y") + header_block(somebody(number, 1)),
        header_block(somebody(number, 1), path="no/slash/at/all"),
        b"",
    ]
    for stream, block in zip(range(1, 100, 2), odd, strict=False):
        connection.frame(Kind.HEADERS, stream, block, END_HEADERS | END_STREAM)
    await connection.flush()
