"""Listens at an address of a network, and carries what comes to a port of its loopback.

Run as a program: the service with dev credentials listens on loopback alone.
"""

import asyncio
import sys
from functools import partial
from typing import Final

CHUNK_BYTES: Final = 65536


async def forward(listen: str, to: str) -> None:
    """Forward every connection until the process is ended."""
    host, port = _split(listen)
    server = await asyncio.start_server(partial(_connected, to), host, port)
    sys.stdout.write("forwarding\n")
    sys.stdout.flush()
    await server.serve_forever()


async def _connected(to: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    there, back = await asyncio.open_connection(*_split(to))
    await asyncio.gather(_carry(reader, back), _carry(there, writer))


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry one direction; its end is the end of both, as HTTP/2 has no half."""
    try:
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # one of the two connections is lost, and so is the other
    finally:
        writer.close()


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


if __name__ == "__main__":
    asyncio.run(forward(*sys.argv[1:]))
