"""What every section needs: the plan, the servers' core, a word of progress, alternating rounds."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar

from benchmarks.plan import Plan
from benchmarks.servers import NO_SETTINGS, Kind, Server, running

Name = TypeVar("Name", bound=str)
Value = TypeVar("Value")


@dataclass(frozen=True)
class Bench:
    """A run. `say` tells what is being measured now."""

    plan: Plan
    server_core: int | None
    say: Callable[[str], None]

    def server(
        self, kind: Kind, settings: Mapping[str, str] = NO_SETTINGS
    ) -> AbstractContextManager[Server]:
        """Run a server on the servers' core for as long as the block lasts."""
        return running(kind, self.server_core, settings)

    async def alternate(
        self, what: str, takes: Mapping[Name, Callable[[], Awaitable[Value]]]
    ) -> dict[Name, list[Value]]:
        """Take turns, round by round, so that whatever the machine does meets all alike.

        The round before the first warms up and does not count.
        """
        taken: dict[Name, list[Value]] = {name: [] for name in takes}
        for number in range(self.plan.rounds + 1):
            for name, take in takes.items():
                self.say(f"{what}: {name}, round {number} of {self.plan.rounds}")
                value = await take()
                if number:
                    taken[name].append(value)
        return taken
