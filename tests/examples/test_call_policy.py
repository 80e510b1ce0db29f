"""The example of a policy, asked by a service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
from signaling.v1 import signaling_pb2 as pb

from examples import call_policy
from signaling_service.app import App
from signaling_service.config import Settings
from tests.clock import ManualClock
from tests.devices import PATIENCE, User
from tests.valkey.ports import free_port


@asynccontextmanager
async def running(file: Path) -> AsyncIterator[str]:
    """The example, with this list; yields its address."""
    address = f"127.0.0.1:{free_port()}"
    serving = asyncio.create_task(call_policy.main(str(file), address))
    async with asyncio.timeout(PATIENCE), grpc.aio.insecure_channel(address) as channel:
        await channel.channel_ready()
    yield address
    serving.cancel()
    await asyncio.wait([serving])


async def test_block_list(tmp_path: Path) -> None:
    """Who is on the list does not get through; who is taken off it does, seconds later."""
    file, clock = tmp_path / "blocked.txt", ManualClock()
    file.write_text("carol alice\nbob mallory\n")
    async with running(file) as address:
        settings = Settings(listen="127.0.0.1:0", call_policy=f"grpc://{address}")
        async with App(settings, clock) as app:
            users = [User(name, app.address) for name in ("alice", "bob", "mallory")]
            alice, bob, mallory = users
            for user in users:
                await user.connect("phone")

            await mallory.phone.offers(bob)
            await mallory.phone.hears_progress(pb.PROGRESS_KIND_WAITING)
            call = await alice.phone.offers(bob)
            assert (await bob.phone.hears("offer")).call_id == call

            file.write_text("carol alice\n")
            clock.advance(5)
            call = await mallory.phone.offers(bob)
            assert (await bob.phone.hears("offer")).call_id == call

            file.unlink()
            clock.advance(5)
            await mallory.phone.offers(bob, offline_policy=pb.OFFLINE_POLICY_FAIL)
            await mallory.phone.hears_end(pb.END_REASON_UNAVAILABLE)
            for user in users:
                await user.close()
