"""The engine that nodes share, under measurement: a real Valkey on the servers' core."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple

from redis.asyncio import Redis

from benchmarks.servers import cpu_seconds, pinned
from tests.valkey import Valkey

_PREFIX: Final = "{signaling}:"  # of every key: the cell's hash tag
STAYING: Final = ("last", "nodes", "n", "hints")  # a cell has them as long as it has nodes
_OURS: Final = "info"  # how a benchmark asks; no node does
_KEYS_AT_ONCE: Final = 1000
SETTINGS: Final = ("appendonly yes", "appendfsync everysec")  # what it holds is to last


class Command(NamedTuple):
    """How often a command ran, and for how many microseconds in all."""

    calls: float = 0.0
    usec: float = 0.0

    def plus(self, other: "Command") -> "Command":
        """Return both together."""
        return Command(self.calls + other.calls, self.usec + other.usec)

    def since(self, before: "Command") -> "Command":
        """Return what has come to `before`."""
        return Command(self.calls - before.calls, self.usec - before.usec)

    def per(self, count: float) -> "Command":
        """Return the share of one of `count`."""
        return Command(self.calls / count, self.usec / count)


@dataclass(frozen=True)
class Holding:
    """What an engine holds: memory in use, and its keys, `d` for `{signaling}:d:…`, by kind."""

    used_memory: int
    keys: Mapping[str, int]
    key_bytes: Mapping[str, int]

    @property
    def left_behind(self) -> int:
        """The number of keys that devices and calls have."""
        return sum(count for kind, count in self.keys.items() if kind not in STAYING)


class Engine:
    """A running engine."""

    def __init__(self, valkey: Valkey, client: Redis) -> None:
        self.url = valkey.url
        self._pid = valkey.pid
        self._client = client

    def cpu_seconds(self) -> float:
        """Return its CPU time so far, in seconds."""
        return cpu_seconds(self._pid)

    async def commands(self) -> Mapping[str, Command]:
        """Return what every command has cost so far, those that scripts run included."""
        found = await self._client.info("commandstats")
        statistics = {name.removeprefix("cmdstat_"): each for name, each in found.items()}
        return {
            name: Command(each["calls"], each["usec"])
            for name, each in statistics.items()
            if name != _OURS
        }

    async def holds(self) -> Holding:
        """Return what it holds now."""
        used_memory = int((await self._client.info("memory"))["used_memory"])
        keys, key_bytes = Counter[str](), Counter[str]()
        found = [key async for key in self._client.scan_iter(count=_KEYS_AT_ONCE)]
        for start in range(0, len(found), _KEYS_AT_ONCE):
            some = found[start : start + _KEYS_AT_ONCE]
            for key, size in zip(some, await self._sizes(some), strict=True):
                kind = _kind(key)
                keys[kind] += 1
                key_bytes[kind] += size
        return Holding(used_memory, keys, key_bytes)

    async def has_devices(self) -> bool:
        """Return whether any device is connected to any node."""
        return bool(await self._client.keys(f"{_PREFIX}n:*"))

    async def _sizes(self, keys: Sequence[bytes]) -> list[int]:
        """Return the bytes of keys with all that they hold, 0 for one that has gone."""
        pipeline = self._client.pipeline(transaction=False)
        for key in keys:
            pipeline.memory_usage(key, samples=0)
        return [size or 0 for size in await pipeline.execute()]


@asynccontextmanager
async def running_engine(core: int | None) -> AsyncIterator[Engine]:
    """Run an engine with `SETTINGS`, pinned to `core`, for as long as the block lasts."""
    async with AsyncExitStack() as stack:
        with pinned(core):
            valkey = await stack.enter_async_context(Valkey(config=SETTINGS))
        client = await stack.enter_async_context(valkey.client())
        yield Engine(valkey, client)


def _kind(key: bytes) -> str:
    return key.decode().removeprefix(_PREFIX).partition(":")[0]
