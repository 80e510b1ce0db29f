"""What nodes and their engine spend between two looks at them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from benchmarks.engine import Command, Engine
from benchmarks.servers import Server

SCRIPT: Final = "evalsha"  # all that nodes ask but for their hints; many may share a round trip


@dataclass(frozen=True, kw_only=True)
class Spent:
    """Time and commands: since something began, or for one of many."""

    seconds: float
    nodes_cpu: float  # seconds, of all nodes together
    engine_cpu: float = 0.0  # seconds
    commands: Mapping[str, Command] = field(default_factory=dict)

    @property
    def cpu(self) -> float:
        """CPU seconds of nodes and engine together."""
        return self.nodes_cpu + self.engine_cpu

    @property
    def scripts(self) -> Command:
        """The scripts that nodes ran."""
        return self.command(SCRIPT)

    def command(self, name: str) -> Command:
        """What a command cost, nothing if it did not run."""
        return self.commands.get(name, Command())

    def since(self, before: "Spent") -> "Spent":
        """Return what was spent since `before`."""
        return Spent(
            seconds=self.seconds - before.seconds,
            nodes_cpu=self.nodes_cpu - before.nodes_cpu,
            engine_cpu=self.engine_cpu - before.engine_cpu,
            commands={name: now.since(before.command(name)) for name, now in self.commands.items()},
        )

    def per(self, count: float) -> "Spent":
        """Return the share of one of `count`."""
        return Spent(
            seconds=self.seconds / count,
            nodes_cpu=self.nodes_cpu / count,
            engine_cpu=self.engine_cpu / count,
            commands={name: each.per(count) for name, each in self.commands.items()},
        )


@dataclass(frozen=True)
class Meter:
    """Reads what some nodes, and the engine if they have one, have spent so far."""

    nodes: Sequence[Server]
    engine: Engine | None

    async def read(self) -> Spent:
        """Return what was spent since they began."""
        commands = {} if self.engine is None else await self.engine.commands()
        return Spent(
            seconds=time.monotonic(),
            nodes_cpu=sum(node.cpu_seconds() for node in self.nodes),
            engine_cpu=0.0 if self.engine is None else self.engine.cpu_seconds(),
            commands=commands,
        )
