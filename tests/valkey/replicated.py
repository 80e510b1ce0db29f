"""Two engines, of which one follows the other."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Self

from tests.valkey.server import Valkey
from tests.valkey.waiting import until


class Replicated:
    """A `primary` and its `replicas`, in step when `async with` begins."""

    def __init__(
        self, *, replicas: int = 1, append_only: bool = False, config: Sequence[str] = ()
    ) -> None:
        self.primary = Valkey(append_only=append_only, config=config)
        self.replicas: list[Valkey] = []
        self._settings = (replicas, append_only, config)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.primary)
            count, append_only, config = self._settings
            for _ in range(count):
                replica = Valkey(append_only=append_only, config=[*config, follow(self.primary)])
                self.replicas.append(await stack.enter_async_context(replica))
            await self.in_step()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def replica(self) -> Valkey:
        """The first replica."""
        return self.replicas[0]

    async def in_step(self) -> None:
        """Wait until every replica has its copy and receives what is written."""
        await until(self._is_in_step)

    async def _is_in_step(self) -> bool:
        states = [await replica.info("replication") for replica in self.replicas]
        return all(
            state["role"] == "slave"
            and state["master_port"] == self.primary.port
            and state["master_link_status"] == "up"
            for state in states
        )


def follow(primary: Valkey) -> str:
    """The line of configuration that makes a replica."""
    return f"replicaof 127.0.0.1 {primary.port}"
