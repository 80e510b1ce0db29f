"""The history of a service's calls, in a database."""

import asyncio
import random
import signal
from pathlib import Path

import psycopg
from signaling.v1 import signaling_pb2 as pb

from signaling_service.app import App
from signaling_service.config import Settings
from signaling_service.limits import LimitSettings
from tests.devices import User
from tests.examples.test_call_history import begins, has, rows, started, writing
from tests.examples.test_call_policy import running as policy_with
from tests.faults.nodes import Nodes
from tests.shared import shared_cell
from tests.valkey import Valkey

KILLS = 4
LIMITS = LimitSettings(offers_per_second=10_000, others_per_second=10_000)


async def test_killed_in_the_middle_of_calls(url: str, database: psycopg.AsyncConnection) -> None:
    """Again and again, while calls come and go: each is there once, and is missed once."""
    chance = random.Random(3)  # noqa: S311 - the same moments in every run
    calls: list[str] = []
    async with (
        App(Settings(listen="127.0.0.1:0", limits=LIMITS)) as app,
    ):
        process = await started(url, app.address)
        await begins(database)
        is_over = asyncio.Event()
        traffic = asyncio.create_task(calls_until(is_over, app.address, calls))
        for _ in range(KILLS):
            await has(database, len(calls) + chance.randrange(20))
            process.send_signal(signal.SIGKILL)
            await process.wait()
            process = await started(url, app.address)
        await has(database, len(calls) + 1)
        is_over.set()
        await traffic
        await has(database, len(calls))
        process.kill()
        await process.wait()

        for query in ("SELECT call_id FROM calls", "SELECT call_id FROM missed_calls"):
            assert sorted(call for (call,) in await rows(database, query)) == sorted(calls)


async def calls_until(is_over: asyncio.Event, address: str, calls: list[str]) -> None:
    """Alice calls Bob, who is not there, and gives up, again and again."""
    alice, bob = User("alice", address), User("bob", address)
    await alice.phone.connects()
    while not is_over.is_set():
        await a_missed_call(alice, bob, calls)
    await alice.close()


async def a_missed_call(alice: User, bob: User, calls: list[str]) -> None:
    """One call."""
    call = await alice.phone.offers(bob)
    calls.append(call)
    await alice.phone.hears_progress(pb.PROGRESS_KIND_WAITING)
    await alice.phone.hangs_up(call)
    await alice.phone.hears_end(pb.END_REASON_CANCELLED)


async def test_a_node_is_killed(
    valkey: Valkey, url: str, database: psycopg.AsyncConnection
) -> None:
    """While it is away calls go on at the other one; when it is back, they are written."""
    async with (
        Nodes(*[shared_cell(valkey)] * 2) as nodes,
        writing(url, nodes[0].address),
    ):
        await begins(database)
        alice, bob = (User(name, nodes[1].address) for name in ("alice", "bob"))
        await alice.phone.connects()
        calls: list[str] = []
        for number in range(12):
            if number == 4:
                await has(database, 4)
                await nodes[0].kill()
            if number == 8:
                await nodes[0].start()
            await a_missed_call(alice, bob, calls)
        await has(database, 12)
        await alice.close()

        found = [call for (call,) in await rows(database, "SELECT call_id FROM calls")]
        assert sorted(found) == sorted(calls)


async def test_calls_of_a_service(
    url: str, database: psycopg.AsyncConnection, tmp_path: Path
) -> None:
    """One that was answered, one that was given up, and one that must not be noticed."""
    blocked = tmp_path / "blocked.txt"
    blocked.write_text("bob mallory\n")
    async with policy_with(blocked) as policy:
        settings = Settings(listen="127.0.0.1:0", call_policy=f"grpc://{policy}")
        async with (
            App(settings) as app,
            writing(url, app.address),
        ):
            await begins(database)
            answered, cancelled, barred = await three_calls(app)
            await has(database, 3)

            found = await rows(
                database,
                "SELECT call_id, reason, callee_device_id, answered_at IS NOT NULL, barred "
                "FROM calls",
            )
            assert sorted(found) == sorted(
                [
                    (answered, "HANGUP", "phone", True, False),
                    (cancelled, "CANCELLED", None, False, False),
                    (barred, "CANCELLED", None, False, True),
                ]
            )
            missed = await rows(
                database, "SELECT call_id, user_id, caller_user_id FROM missed_calls"
            )
            assert missed == [(cancelled, "bob", "alice")]


async def three_calls(app: App) -> tuple[str, str, str]:
    """To Bob: from Alice, who talks to him, then gives up; and from Mallory, who is blocked."""
    alice, bob, mallory = (User(name, app.address) for name in ("alice", "bob", "mallory"))
    await asyncio.gather(*(user.phone.connects() for user in (alice, bob, mallory)))
    answered = await alice.phone.offers(bob)
    await bob.phone.is_rung()
    await bob.phone.answers(answered)
    await bob.phone.hears_progress(pb.PROGRESS_KIND_WON)
    await bob.phone.hangs_up(answered)
    await bob.phone.hears_end(pb.END_REASON_HANGUP)
    cancelled = await alice.phone.offers(bob)
    await bob.phone.is_rung()
    await alice.phone.hangs_up(cancelled)
    await bob.phone.hears_end(pb.END_REASON_CANCELLED)
    barred = await mallory.phone.offers(bob)
    await mallory.phone.hears_progress(pb.PROGRESS_KIND_WAITING)
    await mallory.phone.hangs_up(barred)
    await mallory.phone.hears_end(pb.END_REASON_CANCELLED)
    for user in (alice, bob, mallory):
        await user.close()
    return answered, cancelled, barred
