"""Calls that go on while something breaks: pairs of people that call each other all the time."""

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final, Self

from tests.faults.calls import ask, listen, reply
from tests.faults.ledger import Ledger
from tests.faults.part import Plan
from tests.faults.phone import Phone
from tests.faults.profile import NEW_CALL_TIMEOUT, PATIENCE, chance


@dataclass(frozen=True, slots=True)
class Load:
    """How much goes on."""

    pairs: int = 20  # each in a call all the time
    pause: float = 0.05  # s; at most, before somebody goes on
    keepalive: bool = True  # whether devices find out about a node that hangs


USUAL: Final = Load()


class Traffic:
    """Running calls, one of each pair, until `finish`.

    Each pair is a caller with one device and a callee with two, all at different nodes.
    """

    def __init__(self, nodes: Sequence[str], ledger: Ledger, seed: int, load: Load = USUAL) -> None:
        self.ledger = ledger
        self.random = chance(seed, "faults")
        self._seed = seed
        self.phones: list[Phone] = []
        self._load = load
        self._pairs = [self._pair(number, nodes) for number in range(load.pairs)]
        self._is_finishing = False
        self._newcomers = 0
        self._stack = AsyncExitStack()
        self._calling: list[asyncio.Task[None]] = []

    def _pair(self, number: int, nodes: Sequence[str]) -> tuple[Phone, list[Phone]]:
        names = [f"alice{number}/phone", f"bob{number}/phone", f"bob{number}/tablet"]
        phones = []
        for index, name in enumerate(names):
            first = (number + index) % len(nodes)
            order = [*nodes[first:], *nodes[:first]]
            keepalive = self._load.keepalive
            phones.append(Phone(name, order, self.ledger, self._seed, keepalive=keepalive))
        self.phones += phones
        return phones[0], phones[1:]

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            group = await stack.enter_async_context(asyncio.TaskGroup())
            plans: dict[str, Plan] = {}
            for _, callees in self._pairs:
                for callee in callees:
                    listening = group.create_task(listen(callee, plans))
                    stack.callback(listening.cancel)
            await asyncio.gather(*(stack.enter_async_context(phone) for phone in self.phones))
            for caller, (callee, _) in self._pairs:
                calling = self._keep_calling(caller, plans, callee.user_id)
                self._calling.append(group.create_task(calling))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self._calling:
            task.cancel()
        await self._stack.__aexit__(*error)  # type: ignore[arg-type]  # passed on as it came

    async def _keep_calling(self, caller: Phone, plans: dict[str, Plan], callee: str) -> None:
        for number in itertools.count():
            if self._is_finishing:
                return
            plan = Plan.drawn(f"{caller.user_id}-{number}", caller.random, self._load.pause)
            plans[plan.call_id] = plan
            await ask(caller, callee, plan)
            self.ledger.counts["calls"] += 1

    async def new_call(self, caller_node: str, callee_node: str) -> None:
        """Two people who were not there before call each other, over these two nodes.

        Raises:
            TimeoutError: that takes them too long.
        """
        self._newcomers += 1
        plan = Plan(f"new-{self._newcomers}", rounds=2, pause=0)
        caller, callee = (
            Phone(f"{name}{self._newcomers}/phone", [node], self.ledger, self._seed)
            for name, node in (("carol", caller_node), ("dave", callee_node))
        )
        async with asyncio.timeout(NEW_CALL_TIMEOUT), caller, callee:
            await asyncio.gather(reply(callee, plan), ask(caller, callee.user_id, plan))
        self.ledger.counts["new calls"] += 1

    async def finish(self) -> None:
        """Let the calls come to their end, and everybody hear of it.

        Raises:
            TimeoutError: something is stuck.
        """
        self._is_finishing = True
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*self._calling)
            await asyncio.gather(*(phone.rests() for phone in self.phones))
