"""What nodes do for each other, and what each of them does when their engine fails."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from signaling.v1 import signaling_pb2 as pb

from examples.proxy import Proxy, proxying
from signaling_service.backends.base import Over
from signaling_service.backends.link import WrongBackendError
from signaling_service.backends.location import Location
from signaling_service.core.errors import BackendAwayError, FencedError, SessionLostError
from tests.backends.cell import (
    Stream,
    a_ringing_call,
    an_answered_call,
    connect,
    drop,
    hello,
    kinds,
    step_of,
)
from tests.backends.live_calls import it_lives_and_ends
from tests.backends.nodes import Node
from tests.clock import ManualClock
from tests.core.events import (
    CLOCK,
    answer_from,
    app_message_from,
    candidates_from,
    offer_from,
    reject_from,
)
from tests.core.names import ALICE, ALICES_PHONE, CALL_ID, MALLORY, PHONE, TABLET, line
from tests.shared import cell_at
from tests.valkey import Valkey
from tests.valkey.waiting import until

Nodes = tuple[Node, Node]
A_CANDIDATE = pb.IceCandidate(candidate=line(), username_fragment="caller-1")
ANOTHER_CANDIDATE = pb.IceCandidate(candidate=line(), username_fragment="callee-1")


@pytest.fixture
async def engine() -> AsyncIterator[Valkey]:
    """An engine that may fail."""
    async with Valkey(append_only=True) as valkey:
        yield valkey


@pytest.fixture
async def proxy(engine: Valkey) -> AsyncIterator[Proxy]:
    """The first node's way to it."""
    async with proxying(engine.address) as proxy:
        yield proxy


@pytest.fixture
async def nodes(engine: Valkey, proxy: Proxy, clock: ManualClock) -> AsyncIterator[Nodes]:
    """Two nodes that share it."""
    parameters = cell_at("").removeprefix("?")
    urls = [f"redis://{address}?{parameters}" for address in (proxy.address, engine.address)]
    here, there = (Node(url, clock) for url in urls)
    async with AsyncExitStack() as stack:
        for node in (here, there):
            await node.start()
            stack.push_async_callback(node.backend.close)
        yield here, there


async def a_call(nodes: Nodes) -> tuple[Stream, Stream]:
    """Answered: Alice at one node, Bob's phone at the other; all of it acknowledged."""
    here, there = nodes
    alice, phone = await connect(here, ALICE), await connect(there, PHONE)
    await alice.send(offer_from(ALICE))
    await phone.send(answer_from(PHONE))
    await alice.ack(1)
    await phone.ack(2)
    return alice, phone


async def reads(stream: Stream) -> list[str]:
    """What there is to read once there is something, as the stream learns of it."""
    while not (entries := await stream.read()):
        stream.woken.clear()
        await stream.woken.wait()
    return kinds(entries)


async def is_connected(nodes: Nodes) -> bool:
    """Whether an offer to Alice's laptop finds it there."""
    mallory = await connect(nodes[1], MALLORY)
    applied = await mallory.send(offer_from(MALLORY, to="alice", call_id="is-she-there"))
    await mallory.send(offer_from(MALLORY, to="alice", call_id="is-she-there"))
    return any(delivery.device == ALICE for delivery in applied.outcome.deliveries)


async def test_message_reaches_a_stream_at_another_node(nodes: Nodes) -> None:
    """It is woken, and finds it."""
    alice, phone = await a_call(nodes)
    assert list(await phone.read()) == []

    await alice.send(app_message_from(ALICE))

    assert await reads(phone) == ["app_message"]


async def test_large_message_reaches_another_node(nodes: Nodes) -> None:
    """What is too large for a hint is read from the mailbox."""
    alice, phone = await a_call(nodes)
    assert list(await phone.read()) == []

    await alice.send(app_message_from(ALICE, b"x" * 20_000))

    assert await reads(phone) == ["app_message"]


async def test_relaying_a_candidate_takes_one_script(nodes: Nodes, engine: Valkey) -> None:
    """One way to the engine and back, wherever the peer is."""
    alice, phone = await a_call(nodes)
    await alice.send(candidates_from(ALICE, A_CANDIDATE))
    before = await scripts_run(engine)
    for _ in range(20):
        await alice.send(candidates_from(ALICE, A_CANDIDATE))
        await phone.ack((await phone.read())[-1].seq)
    both = await scripts_run(engine)

    # beside those of both nodes' leases: the candidate, the read and the ack
    assert both - before <= 20 * 3 + 20


async def test_candidates_of_both_sides_do_not_get_in_each_others_way(
    nodes: Nodes, engine: Valkey
) -> None:
    """What one node relays for both at once takes one script each, this time and the next."""
    here, _ = nodes
    alice, phone = await an_answered_call(here)
    await step_of(here, CALL_ID, CLOCK)
    before = await scripts_run(engine)
    for _ in range(20):
        await asyncio.gather(
            alice.send(candidates_from(ALICE, A_CANDIDATE)),
            phone.send(candidates_from(PHONE, ANOTHER_CANDIDATE)),
        )
        await asyncio.gather(phone.ack(await last_of(phone)), alice.ack(await last_of(alice)))

    # candidates, reads and acks; beside them the leases of both nodes
    assert await scripts_run(engine) - before <= 20 * 6 + 20


async def last_of(stream: Stream) -> int:
    """The seq of the last message that there is."""
    return (await stream.read())[-1].seq


async def test_candidates_that_are_held_at_once_are_all_kept(nodes: Nodes) -> None:
    """Also when another device's refusal is written right after them."""
    here, _ = nodes
    alice, phone, tablet = [await connect(here, each) for each in (ALICE, PHONE, TABLET)]
    await alice.send(offer_from(ALICE))
    await asyncio.gather(
        alice.send(candidates_from(ALICE, line(1))), phone.send(candidates_from(PHONE, line(2)))
    )
    await tablet.send(reject_from(TABLET, pb.REJECT_REASON_BUSY))
    await phone.send(answer_from(PHONE))

    assert kinds(await alice.read()) == ["progress", "answer", "candidates"]
    assert kinds(await phone.read()) == ["offer", "progress", "candidates"]


async def scripts_run(engine: Valkey) -> int:
    """How many scripts were ever run."""
    return int((await engine.info("commandstats"))["cmdstat_evalsha"]["calls"])


async def test_newest_stream_counts_on_every_node(nodes: Nodes) -> None:
    """The one before hears of it at its node, and can do nothing from that instant."""
    here, there = nodes
    old = await connect(here, ALICE)
    assert list(await old.read()) == []
    old.woken.clear()

    await connect(there, ALICE, old.hello.session_id)

    for action in (lambda: old.send(offer_from(ALICE)), lambda: old.ack(0)):
        with pytest.raises(FencedError):
            await action()
    await old.woken.wait()
    with pytest.raises(FencedError):
        await old.read()


async def test_devices_of_a_dead_node_are_lost(nodes: Nodes) -> None:
    """Another node tells their calls; until it has, they are due again."""
    here, there = nodes
    alice, _ = await a_call(nodes)
    here.falls_silent()

    moved = await there.finds()

    assert (moved.stream, moved.is_connected) == (alice.id, False)
    assert list((await there.due()).moved) == []
    await there.advance(3)
    assert list((await there.due()).moved) == [moved]
    await there.backend.settle(moved)
    await there.advance(3)
    assert list((await there.due()).moved) == []


async def test_session_outlives_its_node(nodes: Nodes) -> None:
    """Its device goes on elsewhere, and has missed nothing."""
    here, there = nodes
    alice, phone = await a_call(nodes)
    here.falls_silent()
    await there.finds()
    await phone.send(app_message_from(PHONE))

    again = await connect(there, ALICE, alice.hello.session_id, ack=1)

    assert again.hello.is_resumed
    assert kinds(await again.read(1)) == ["app_message"]


async def test_session_of_a_dead_node_ends_with_its_window(nodes: Nodes) -> None:
    """Counted from when the node was given up."""
    here, there = nodes
    alice, _ = await a_call(nodes)
    here.falls_silent()
    await there.backend.settle(await there.finds())
    await there.advance(121)

    assert list((await there.due()).sessions) == [Over(ALICE, alice.id.session, [CALL_ID])]


async def test_node_that_was_given_up_is_back(nodes: Nodes, engine: Valkey) -> None:
    """Its process had only stood still: its streams count again, and their calls hear of it."""
    here, there = nodes
    alice, phone = await a_call(nodes)
    cell = vars(vars(here.backend)["_members"])["_location"].cell

    async def gives_up() -> bool:
        await engine.run("ZADD", f"{{{cell}}}:nodes", 0, here.name)
        return bool([each for each in (await there.due()).moved if not each.is_connected])

    async def is_back() -> bool:
        return [alice.id] == [
            each.stream for each in (await there.due()).moved if each.is_connected
        ]

    await until(gives_up)
    await until(is_back)

    await alice.send(app_message_from(ALICE))
    assert await reads(phone) == ["app_message"]


async def test_nobody_is_given_up_after_the_engine_was_away(nodes: Nodes, engine: Valkey) -> None:
    """Every lease has run out then, and every node is alive."""
    here, there = nodes
    await a_call(nodes)
    engine.stop()
    for node in nodes:
        await node.is_told(is_there=False)
    engine.cont()
    for node in nodes:
        await node.is_told(is_there=True)

    assert [list((await node.due()).moved) for node in (here, there)] == [[], []]


@pytest.mark.parametrize("send", ["offer", "ack", "hello", "read"])
async def test_engine_that_is_away_is_told_of(nodes: Nodes, engine: Valkey, send: str) -> None:
    """Whatever is asked; and what was given up on does not happen when the engine goes on."""
    alice = await connect(nodes[0], ALICE)
    asked: dict[str, Callable[[], Awaitable[object]]] = {
        "offer": lambda: alice.send(offer_from(ALICE)),
        "ack": lambda: alice.ack(0),
        "hello": lambda: hello(nodes[0], ALICES_PHONE),
        "read": alice.read,
    }
    engine.stop()
    with pytest.raises(BackendAwayError):
        await asked[send]()
    engine.cont()
    await nodes[0].is_told(is_there=True)

    assert (await step_of(nodes[1], CALL_ID, CLOCK)).outcome.call is None
    applied = await (await connect(nodes[1], MALLORY)).send(offer_from(MALLORY, to="alice"))
    assert [delivery.device for delivery in applied.outcome.deliveries] == [ALICE]


async def test_stream_whose_hello_was_given_up_on_is_lost(nodes: Nodes, proxy: Proxy) -> None:
    """The engine had attached it, and the reply got lost: nobody would ever detach it."""
    proxy.swallow()
    with pytest.raises(BackendAwayError):
        await hello(nodes[0], ALICE)
    proxy.cut()
    await nodes[0].is_told(is_there=True)

    async def is_gone() -> bool:
        return not await is_connected(nodes)

    await until(is_gone)


async def test_reply_that_is_lost_is_asked_for_again(nodes: Nodes, proxy: Proxy) -> None:
    """The step has happened once, and whoever asked knows."""
    alice, phone = await a_call(nodes)
    assert list(await phone.read()) == []
    proxy.swallow()
    sending = asyncio.create_task(alice.send(app_message_from(ALICE)))
    await proxy.swallowed()
    proxy.cut()

    assert (await sending).outcome.refusal is None
    assert await reads(phone) == ["app_message"]
    again = await connect(nodes[1], ALICE, alice.hello.session_id)
    assert again.hello.received == 2


async def test_what_a_lost_reply_would_have_told_is_found_out(nodes: Nodes, proxy: Proxy) -> None:
    """A call rings out, and the node that did it does not hear that it has: its streams do."""
    here, _ = nodes
    alice, phone = await a_ringing_call(here)
    await here.advance(61)
    before = [len(await stream.read()) for stream in (alice, phone)]
    proxy.swallow()
    ringing_out = asyncio.create_task(step_of(here, CALL_ID, CLOCK))
    await proxy.swallowed()
    proxy.cut()
    await ringing_out

    for stream, count in zip((alice, phone), before, strict=True):
        while not (entries := await stream.read(count)):
            stream.woken.clear()
            await stream.woken.wait()
        assert kinds(entries) == ["ended"]


async def test_restart_loses_nothing(nodes: Nodes, engine: Valkey) -> None:
    """Scripts are gone, what is stored is not."""
    alice, phone = await a_call(nodes)
    engine.kill()
    await engine.start()
    for node in nodes:
        await node.is_told(is_there=True)

    async def sends() -> bool:
        try:
            await alice.send(app_message_from(ALICE))
        except BackendAwayError:
            return False
        return True

    await until(sends)
    assert "app_message" in await reads(phone)


async def test_engine_that_has_lost_everything(nodes: Nodes, engine: Valkey) -> None:
    """A stream is not replaced then but lost: its device is to come again."""
    alice, _ = await a_call(nodes)
    await engine.run("FLUSHALL")

    with pytest.raises(SessionLostError):
        await alice.send(app_message_from(ALICE))
    with pytest.raises(SessionLostError):
        await alice.read()
    assert not (await connect(nodes[0], ALICE, alice.hello.session_id)).hello.is_resumed


async def test_engine_that_has_lost_the_last_second(nodes: Nodes, engine: Valkey) -> None:
    """What was acknowledged is gone: the session ends, and its device hears of it."""
    alice, _ = await a_call(nodes)
    cell = vars(vars(nodes[0].backend)["_members"])["_location"].cell
    await engine.run("HSET", f"{{{cell}}}:d:alice laptop", "r", 0)

    with pytest.raises(SessionLostError):
        await alice.send(app_message_from(ALICE))
    assert isinstance(await hello(nodes[0], ALICE, alice.hello.session_id), Over)


async def test_node_goes_by_the_clock_of_the_engine(nodes: Nodes, engine: Valkey) -> None:
    """All nodes have one time, whatever their machines say."""
    seconds, _ = await engine.run("TIME")

    for node in nodes:
        assert int(seconds) - 60 < node.times[0] < int(seconds) + 60


async def test_node_that_leaves_is_forgotten(nodes: Nodes, engine: Valkey) -> None:
    """It does not have to be given up first."""
    here, there = nodes
    alice, _ = await a_ringing_call(here)
    await drop(alice)
    await here.backend.close()
    cell = vars(vars(here.backend)["_members"])["_location"].cell

    left = await engine.run("ZRANGE", f"{{{cell}}}:nodes", 0, -1, "WITHSCORES")

    assert dict(zip(left[::2], left[1::2], strict=True)).get(here.name.encode(), b"0") == b"0"
    del there


@pytest.mark.parametrize("login", [":wrong@", ""], ids=["wrong", "none"])
async def test_engine_that_wants_another_password(login: str, clock: ManualClock) -> None:
    """A setting that is wrong is told at the start."""
    async with Valkey(password="right") as engine:  # noqa: S106 - a test's
        node = Node(f"redis://{login}{engine.address}", clock)
        with pytest.raises(WrongBackendError):
            await node.start()


@pytest.mark.parametrize("denied", ["-blmpop", "-zadd", "resetkeys"])
async def test_engine_that_does_not_allow_all(denied: str, clock: ManualClock) -> None:
    """So is a user who may not do what a node does."""
    async with Valkey(config=(f"user node on >sesame ~* +@all {denied}",)) as engine:
        node = Node(f"redis://node:sesame@{engine.address}", clock)
        with pytest.raises(WrongBackendError):
            await node.start()


async def test_engine_that_comes_later(clock: ManualClock) -> None:
    """A node may be the first to start."""
    async with Valkey() as engine:
        engine.kill()
        node = Node(cell_at(engine.url), clock)
        await node.start()
        assert node.health == [False]
        await engine.start()
        await node.is_told(is_there=True)
        await an_answered_call(node)
        await node.backend.close()


def test_location_is_shown_without_secrets() -> None:
    """In logs."""
    assert "sesame" not in Location.parse("redis://user:sesame@127.0.0.1").safe


async def test_live_calls_are_the_same_at_every_node(nodes: Nodes) -> None:
    """They are those of the cell, whichever node took the steps."""
    here, there = nodes
    async for expected in it_lives_and_ends(here):

        async def both_say_so(expected: object = expected) -> bool:
            return here.backend.live_calls() == there.backend.live_calls() == expected

        await until(both_say_so)


async def test_live_calls_of_an_engine_that_is_away_are_not_told(
    nodes: Nodes, engine: Valkey
) -> None:
    """Nobody knows how many there are."""
    here, _ = nodes
    await a_ringing_call(here)

    engine.stop()
    await here.is_told(is_there=False)

    assert here.backend.live_calls() is None


async def test_depths_are_those_of_the_nodes_own_streams(nodes: Nodes) -> None:
    """What each has not acknowledged, as far as the node has heard."""
    here, there = nodes
    alice, phone = await connect(here, ALICE), await connect(there, PHONE)
    await alice.send(offer_from(ALICE))
    await phone.woken.wait()

    async def is_so() -> bool:
        return (list(here.backend.depths()), list(there.backend.depths())) == ([0], [1])

    await until(is_so)
    await phone.ack(1)

    assert list(there.backend.depths()) == [0]
