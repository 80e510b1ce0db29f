"""A receiver that is not well is left alone, and tried again."""

import asyncio

from signaling_service.webhook.gate import (
    DOWN_AFTER,
    FIRST_BACKOFF,
    MAX_BACKOFF,
    MAX_PROBE_BACKOFF,
    Gate,
    backoff,
)
from signaling_service.webhook.receiver import AT_ONCE, Answer
from tests.clock import ManualClock

AWAY = Answer(error="ConnectionRefusedError")
TAKEN = Answer(204)


class Tries:
    """Many who want to post through a gate."""

    def __init__(self, gate: Gate, count: int) -> None:
        self.at_once = 0
        self.made = 0
        self.may_end = asyncio.Event()
        self._gate = gate
        self._tasks = [asyncio.create_task(self._post()) for _ in range(count)]

    async def settle(self) -> None:
        """Let everybody get as far as they can."""
        for _ in range(50):
            await asyncio.sleep(0)

    async def end(self) -> None:
        """Nobody wants to any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    async def _post(self) -> None:
        async with self._gate.turn():
            self.at_once += 1
            self.made += 1
            await self.may_end.wait()
            self.at_once -= 1


def a_gate_that_is_down(clock: ManualClock) -> Gate:
    gate = Gate(clock)
    for _ in range(DOWN_AFTER):
        gate.learn(AWAY)
    return gate


def test_waits_grow_up_to_a_minute() -> None:
    """Each twice as long as the one before, less up to a half, so that not all come at once."""
    for failures, longest in [(1, FIRST_BACKOFF), (2, 2.0), (3, 4.0), (7, 60.0), (500, 60.0)]:
        waits = {backoff(failures) for _ in range(100)}
        assert longest / 2 <= min(waits) < max(waits) <= longest <= MAX_BACKOFF


async def test_some_at_once(clock: ManualClock) -> None:
    """And no more."""
    tries = Tries(Gate(clock), 2 * AT_ONCE)
    await tries.settle()

    assert tries.at_once == AT_ONCE
    await tries.end()


async def test_one_at_a_time_while_it_is_down(clock: ManualClock) -> None:
    """After a wait; the first post that is taken lets the others through."""
    gate = a_gate_that_is_down(clock)
    tries = Tries(gate, AT_ONCE)
    await tries.settle()
    assert tries.made == 0

    clock.advance(MAX_PROBE_BACKOFF)
    await tries.settle()
    assert tries.made == 1

    gate.learn(TAKEN)
    tries.may_end.set()
    await tries.settle()
    assert tries.made == AT_ONCE
    await tries.end()


async def test_a_success_ends_every_wait(clock: ManualClock) -> None:
    """Of a post that was under way when the gate was shut; nobody waits for the clock then."""
    gate = a_gate_that_is_down(clock)
    tries = Tries(gate, AT_ONCE)
    await tries.settle()
    gate.learn(TAKEN)
    tries.may_end.set()
    await tries.settle()

    assert tries.made == AT_ONCE
    await tries.end()


async def test_posts_that_fail_together_are_one_failure(clock: ManualClock) -> None:
    """Those that were under way when the gate was shut do not shut it for longer."""
    gate = a_gate_that_is_down(clock)
    for _ in range(AT_ONCE):
        gate.learn(AWAY)
    tries = Tries(gate, 1)
    clock.advance(FIRST_BACKOFF)
    await tries.settle()

    assert tries.made == 1
    await tries.end()


async def test_what_it_blames_on_a_post_does_not_shut_the_gate(clock: ManualClock) -> None:
    """A receiver that understands one event not is well for others."""
    gate = Gate(clock)
    for _ in range(2 * DOWN_AFTER):
        gate.learn(Answer(400))

    assert not gate.is_down


async def test_it_may_say_for_how_long(clock: ManualClock) -> None:
    """Nothing is posted before the time that it asks for is over."""
    gate = Gate(clock)
    gate.learn(Answer(429, retry_after=30.0))
    tries = Tries(gate, 3)

    clock.advance(29.0)
    await tries.settle()
    assert tries.made == 0

    clock.advance(1.0)
    await tries.settle()
    assert tries.made == 3
    await tries.end()
