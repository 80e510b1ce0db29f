"""Many test devices: they connect a few at a time, and leave together."""

import asyncio
from typing import Final

from signaling_service.client import Client
from signaling_service.ctl.connection import Connection
from signaling_service.ctl.talking import is_connected

AT_ONCE: Final = 32  # connections that are opened at a time
DEVICE: Final = "phone"


class Fleet:
    """A device for each of many users.

    Args:
        connection: how to connect.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._clients: list[Client] = []  # those that try to be connected

    async def connect(self, users: list[str]) -> dict[str, Client]:
        """Connect a device for each user.

        Raises:
            Complaint, ClientError: one cannot be.
        """
        tasks = [asyncio.create_task(self._connect(user)) for user in users]
        try:
            clients = await asyncio.gather(*tasks)
        finally:  # one cannot: so the others need not
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        return dict(zip(users, clients, strict=True))

    async def close(self) -> None:
        """Disconnect them."""
        await asyncio.gather(*(client.close() for client in self._clients))

    async def _connect(self, user: str) -> Client:
        async with self._gate:
            client = self._connection.device(user, DEVICE)
            await client.__aenter__()
            self._clients.append(client)
            await is_connected(client, self._connection.target)
        return client
