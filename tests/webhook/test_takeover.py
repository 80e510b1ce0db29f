"""Of many nodes one posts; when it dies another goes on from where it was."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from signaling_service.backends.claims import Claims, MemoryClaims
from signaling_service.backends.location import Location
from signaling_service.backends.redis import RedisBackend
from signaling_service.clock import SystemClock
from tests.backends.cell import RULES
from tests.shared import shared_cell
from tests.valkey import Valkey
from tests.valkey.waiting import until
from tests.webhook.hook import Reply, hooking
from tests.webhook.log import WrittenLog
from tests.webhook.node import Node

LONG = 3600.0  # s; a claim that outlasts a test
SHORT = 0.05


@asynccontextmanager
async def claims_at(cell: str) -> AsyncIterator[Claims]:
    """What a node of a cell sees of its claims."""
    backend = RedisBackend(Location.parse(cell), SystemClock(), RULES)
    await backend.start(lambda _is_there: None)
    try:
        yield backend.claims
    finally:
        await backend.close()


@pytest.fixture(params=["memory", "shared"])
async def pair(
    request: pytest.FixtureRequest, valkey: Valkey
) -> AsyncIterator[tuple[Claims, Claims]]:
    """Claims as two nodes see them; of a node by itself, as two parts of it would."""
    if request.param == "memory":
        claims = MemoryClaims(SystemClock())
        yield claims, claims
        return
    cell = shared_cell(valkey)
    async with claims_at(cell) as here, claims_at(cell) as there:
        yield here, there


async def test_one_has_it(pair: tuple[Claims, Claims]) -> None:
    """The first who asks, for as long as it goes on asking."""
    here, there = pair
    assert await here.claim("work", "a", LONG) == ""
    assert await there.claim("work", "b", LONG) is None
    assert await here.claim("work", "a", LONG) == ""
    assert await there.claim("other work", "b", LONG) == ""


async def test_another_goes_on_from_there(pair: tuple[Claims, Claims]) -> None:
    """Where the first had got to, as soon as that one gives up."""
    here, there = pair
    await here.claim("work", "a", LONG)
    assert await here.advance("work", "a", "position 1", LONG)
    assert not await there.advance("work", "b", "position 2", LONG)
    await there.give_up("work", "b")
    assert await there.claim("work", "b", LONG) is None

    await here.give_up("work", "a")
    assert await there.claim("work", "b", LONG) == "position 1"
    assert not await here.advance("work", "a", "position 3", LONG)
    assert await there.claim("work", "b", LONG) == "position 1"


async def test_a_claim_runs_out(pair: tuple[Claims, Claims]) -> None:
    """Of a holder that says nothing any more; until somebody else has it, it may come back."""
    here, there = pair
    await here.claim("work", "a", SHORT)
    await here.advance("work", "a", "position 1", SHORT)

    async def is_free() -> bool:
        return await there.claim("work", "b", SHORT) == "position 1"

    await until(is_free)

    async def is_free_again() -> bool:
        return await here.advance("work", "a", "x", LONG) or (
            await here.claim("work", "a", LONG) == "position 1"
        )

    await until(is_free_again)
    assert await here.claim("work", "a", LONG) == "position 1"


async def test_a_node_that_dies_is_followed(valkey: Valkey, tmp_path: Path) -> None:
    """Both are there, one posts; it dies in the middle, and nothing is missing."""
    clock = SystemClock()
    log, cell = WrittenLog(clock), shared_cell(valkey)
    async with AsyncExitStack() as stack:
        hook = await stack.enter_async_context(hooking())
        nodes = []
        for _ in range(2):
            claims = await stack.enter_async_context(claims_at(cell))
            node = Node(hook.url, log, claims, clock, tmp_path / "secret")
            stack.push_async_callback(node.poster.close)
            nodes.append(node)
        first, second = nodes
        first.poster.start()
        await first.is_active()
        second.poster.start()
        log.happens("call-1", "offer_pending", "call_answered")
        await hook.has_taken(2)
        assert second.figure("active") == 0

        hook.answer = lambda _posted: Reply(500)
        log.happens("call-1", "call_ended")
        await hook.has(lambda hook: len(hook.posts) > 2)
        await first.dies()
        hook.answer = lambda _posted: Reply()
        log.happens("call-2", "call_ended")
        await second.is_active()
        await hook.has(lambda hook: len(set(hook.names)) == 4)

        once = list(dict.fromkeys(hook.names))
        assert [name for name in once if name.startswith("call-1")] == [
            "call-1 offerPending",
            "call-1 callAnswered",
            "call-1 callEnded",
        ]
        assert "call-2 callEnded" in once


async def test_an_engine_that_is_away(tmp_path: Path) -> None:
    """Whoever had the claim has it again, or somebody else does; nothing is missing."""
    clock = SystemClock()
    log = WrittenLog(clock)
    async with Valkey(append_only=True) as engine, hooking() as hook, AsyncExitStack() as stack:
        cell = shared_cell(engine)
        nodes = []
        for _ in range(2):
            claims = await stack.enter_async_context(claims_at(cell))
            node = Node(hook.url, log, claims, clock, tmp_path / "secret")
            stack.push_async_callback(node.poster.close)
            nodes.append(node)
        first, second = nodes
        first.poster.start()
        await first.is_active()
        second.poster.start()
        log.happens("call-1", "call_ended")
        await first.counts(1, "posts_total", result="taken")

        engine.kill()
        log.happens("call-2", "call_ended")
        await first.counts(0, "active")
        log.happens("call-3", "call_ended")
        await engine.start()
        await hook.has(lambda hook: len(set(hook.names)) == 3)

    assert list(dict.fromkeys(hook.names)) == [f"call-{number} callEnded" for number in (1, 2, 3)]
