"""A device's stream at a node, up to what gRPC would carry."""

import asyncio
from typing import Final

from signaling_service.connection import Connection
from signaling_service.core.mailbox import Entry
from tests.cluster.node import Node

PATIENCE: Final = 20.0  # s; a hint that takes longer is lost


class Feed:
    """A stream, which reads on whenever it is woken.

    `unacked` is what the device was sent and has not acknowledged.
    """

    def __init__(self, node: Node, connection: Connection, woken: asyncio.Event) -> None:
        self.session_id = connection.session_id
        self.is_replaced = False  # by a newer one of the device
        self.acked = connection.acked
        self.reopen(node, connection, woken)

    def reopen(self, node: Node, connection: Connection, woken: asyncio.Event) -> None:
        """It is at this node now."""
        self.node = node
        self.stream = connection.stream
        self.received = connection.received  # the highest request seq processed
        self.sent = connection.acked  # the highest response seq written
        self.unacked: list[Entry] = []
        self._woken = woken

    async def read(self) -> None:
        """Wait for more, and take it."""
        async with asyncio.timeout(PATIENCE):
            while True:
                self._woken.clear()
                if more := await self.node.registry.read(self.stream, self.sent):
                    self.unacked += more
                    self.sent = more[-1].seq
                    return
                await self._woken.wait()

    def ack(self, seq: int) -> None:
        """The device has acknowledged what it was sent, up to `seq`."""
        self.acked = max(self.acked, seq)
        self.sent = max(self.sent, seq)  # before it was opened again
        self.unacked = [entry for entry in self.unacked if entry.seq > self.acked]
