"""A TCP proxy between a client and a service: a network that fails when it is told to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

CHUNK = 65536  # bytes


class Proxy:
    """Carries bytes to `target` and back, until it is told otherwise."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.address = ""
        self.connections = 0  # so far
        self.is_blocked = False  # whoever comes is sent away
        self._swallowed = asyncio.Event()
        self._is_swallowing = False
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> bool:
        """Reset every connection; new ones are welcome. Returns whether there was any."""
        self._is_swallowing = False
        for writer in self._writers:
            writer.transport.abort()
        return bool(self._writers)

    def swallow(self) -> None:
        """Lose what the service sends from now on, until the next cut."""
        self._swallowed.clear()
        self._is_swallowing = True

    async def swallowed(self) -> None:
        """Wait until something has been lost."""
        await self._swallowed.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        self.connections += 1
        host, _, port = self.target.rpartition(":")
        if self.is_blocked:
            writer.transport.abort()
            return
        try:
            up_reader, up_writer = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, up_writer}
        await asyncio.gather(
            self._carry(reader, up_writer, is_down=False),
            self._carry(up_reader, writer, is_down=True),
        )
        self._writers -= {writer, up_writer}

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_down: bool
    ) -> None:
        try:
            while data := await reader.read(CHUNK):
                if is_down and self._is_swallowing:
                    self._swallowed.set()
                    continue
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # it was cut
        finally:
            writer.close()


@asynccontextmanager
async def proxying(target: str) -> AsyncIterator[Proxy]:
    """A proxy in front of `target`."""
    proxy = Proxy(target)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    proxy.address = f"{host}:{port}"
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
        await server.wait_closed()
