"""Engines that share the slots of one keyspace."""

from contextlib import AsyncExitStack, suppress
from itertools import pairwise
from typing import Final, Self

from redis.exceptions import MovedError

from tests.valkey.server import Valkey
from tests.valkey.waiting import until

_SLOTS: Final = 16384
_COUNT: Final = 3


class Cluster:
    """Three primaries that own a third of the slots each, and agree on it when it begins."""

    def __init__(self, *, append_only: bool = False) -> None:
        self.nodes = [
            Valkey(append_only=append_only, config=["cluster-enabled yes"]) for _ in range(_COUNT)
        ]
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for node in self.nodes:
                await stack.enter_async_context(node)
            await self._share()
            await until(self._agree)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def url(self) -> str:
        """`redis+cluster://host:port,…`."""
        return "redis+cluster://" + ",".join(node.address for node in self.nodes)

    async def owner(self, key: str) -> Valkey:
        """The node that holds the slot of `key`."""
        for node in self.nodes:
            with suppress(MovedError):
                await node.run("EXISTS", key)
                return node
        raise AssertionError("no node holds it")

    async def move(self, key: str, to: Valkey) -> None:
        """Give the slot of `key`, with all its keys, to another node."""
        owner = await self.owner(key)
        slot = await owner.run("CLUSTER KEYSLOT", key)
        target = (await to.run("CLUSTER MYID")).decode()
        await owner.run("CLUSTER MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", target)

        async def has_moved() -> bool:  # for a moment nobody owns it
            with suppress(MovedError):
                await to.run("EXISTS", key)
                return True
            return False

        await until(has_moved)

    async def _share(self) -> None:
        """Give every node its slots, and introduce it to the first."""
        bounds = pairwise(_SLOTS * number // _COUNT for number in range(_COUNT + 1))
        for epoch, (node, (low, high)) in enumerate(zip(self.nodes, bounds, strict=True), 1):
            await node.run("CLUSTER SET-CONFIG-EPOCH", epoch)
            await node.run("CLUSTER ADDSLOTSRANGE", low, high - 1)
            await node.run("CLUSTER MEET", "127.0.0.1", self.nodes[0].port)

    async def _agree(self) -> bool:
        """Whether every node knows the others, and the owner of every slot."""
        states = [(await node.run("CLUSTER INFO")) for node in self.nodes]
        return all(
            state["cluster_state"] == "ok" and state["cluster_known_nodes"] == str(_COUNT)
            for state in states
        )
