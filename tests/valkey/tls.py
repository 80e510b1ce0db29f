"""TLS before an engine that has none."""

import asyncio
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import trustme

from tests.valkey.server import Valkey

_READ_SIZE: Final = 65536  # bytes


@asynccontextmanager
async def tls_in_front_of(valkey: Valkey) -> AsyncIterator[tuple[str, str]]:
    """Yields the engine's `rediss://` URL, and the file with the roots to trust.

    The certificate is one for 127.0.0.1, and for no name.
    """
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with tempfile.TemporaryDirectory(prefix="valkey-tls-") as directory:
        ca_file = Path(directory) / "ca.pem"
        authority.cert_pem.write_to_path(str(ca_file))
        front = _Front(valkey.port)
        server = await asyncio.start_server(front.accept, "127.0.0.1", 0, ssl=context)
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield valkey.url_at("rediss", address), str(ca_file)
        finally:
            server.close()
            await front.close()


class _Front:
    """Carries what comes to a port of this machine, and back."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connections: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def close(self) -> None:
        """Break every connection off."""
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(_carry(reader, back), _carry(there, writer))


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with suppress(OSError):
            while data := await reader.read(_READ_SIZE):
                writer.write(data)
                await writer.drain()
    finally:
        writer.transport.abort()
