"""Calls that go on while something breaks: pairs of people that call each other all the time."""

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from random import Random
from typing import Final, Self

from tests.faults.calls import Plan, ask, listen, reply
from tests.faults.ledger import Ledger
from tests.faults.phone import Phone
from tests.faults.profile import NEW_CALL_TIMEOUT, PATIENCE


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
        self.random = Random(seed)  # noqa: S311 - faults, not secrets
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
            random = Random(self.random.random())  # noqa: S311 - likewise
            keepalive = self._load.keepalive
            phones.append(Phone(name, order, self.ledger, random, keepalive=keepalive))
        self.phones += phones
        return phones[0], phones[1:]

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            group = await stack.enter_async_context(asyncio.TaskGroup())
            opening = [stack.enter_async_context(phone) for phone in self.phones]
            await asyncio.gather(*opening)
            for caller, callees in self._pairs:
                plans: dict[str, Plan] = {}
                for callee in callees:
                    listening = group.create_task(listen(callee, plans))
                    stack.callback(listening.cancel)
                self._calling.append(group.create_task(self._keep_calling(caller, plans, callees)))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self._calling:
            task.cancel()
        await self._stack.__aexit__(*error)  # type: ignore[arg-type]  # passed on as it came

    async def _keep_calling(
        self, caller: Phone, plans: dict[str, Plan], callees: Sequence[Phone]
    ) -> None:
        for number in itertools.count():
            if self._is_finishing:
                return
            plan = Plan.drawn(f"{caller.user_id}-{number}", caller.random, self._load.pause)
            plans[plan.call_id] = plan
            await ask(caller, callees[0].user_id, plan)
            self.ledger.counts["calls"] += 1

    async def goes_on(self, messages: int) -> None:
        """Wait until the apps have heard so many messages more."""
        until = self.ledger.counts["heard"] + messages
        await self.ledger.until(lambda: self.ledger.counts["heard"] >= until)

    async def new_call(self, caller_node: str, callee_node: str) -> None:
        """Two people who were not there before call each other, over these two nodes.

        Raises:
            TimeoutError: that takes them too long.
        """
        self._newcomers += 1
        plan = Plan(f"new-{self._newcomers}", rounds=2, pause=0)
        caller, callee = (
            Phone(f"{name}{self._newcomers}/phone", [node], self.ledger, self.random)
            for name, node in (("carol", caller_node), ("dave", callee_node))
        )
        async with asyncio.timeout(NEW_CALL_TIMEOUT), caller, callee:
            await asyncio.gather(reply(callee, plan), ask(caller, callee.user_id, plan))
        self.ledger.counts["new calls"] += 1

    async def finish(self) -> None:
        """Let the calls come to their end, and everything be acknowledged both ways.

        Raises:
            TimeoutError: something is stuck.
        """
        self._is_finishing = True
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*self._calling)
        await self.ledger.until(lambda: all(phone.is_at_rest for phone in self.phones))
