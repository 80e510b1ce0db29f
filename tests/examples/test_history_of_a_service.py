"""The history of a service's calls, in a database."""

import asyncio
from pathlib import Path

import psycopg
from signaling.v1 import signaling_pb2 as pb

from signaling_service.app import App
from signaling_service.config import Settings
from tests.devices import User
from tests.examples.test_call_history import begins, has, rows, writing
from tests.examples.test_call_policy import running as policy_with
from tests.postgres import Postgres


async def test_calls_of_a_service(tmp_path: Path) -> None:
    """One that was answered, one that was given up, and one that must not be noticed."""
    blocked = tmp_path / "blocked.txt"
    blocked.write_text("bob mallory\n")
    async with Postgres() as postgres, policy_with(blocked) as policy:
        url = await postgres.fresh()
        settings = Settings(listen="127.0.0.1:0", call_policy=f"grpc://{policy}")
        async with (
            App(settings) as app,
            await psycopg.AsyncConnection.connect(url, autocommit=True) as database,
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
