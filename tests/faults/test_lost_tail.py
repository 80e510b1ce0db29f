"""An engine that has lost the last of what it was told: after a power cut, or a late replica."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import grpc

from tests.devices import Device, User, answered_call
from tests.faults.cluster import Cluster, cluster
from tests.faults.health import SERVICE, SERVING, turns

LOST: Final = (grpc.StatusCode.UNAVAILABLE, "the session was lost")


@asynccontextmanager
async def after_a_loss(keep: Path) -> AsyncIterator[tuple[Cluster, User, User]]:
    """A call, and then a candidate that everybody knows of but the engine.

    Alice's node still has no way to the engine.
    """
    async with cluster(2) as service:
        here, there = service.addresses
        alice, bob = User("alice", here), User("bob", there)
        call = await answered_call(alice, bob)
        for user in (alice, bob):
            await user.phone.hears_nothing()
        shutil.copytree(service.written, keep)
        await bob.phone.trickles(call, 1)
        assert await alice.phone.hears_candidates(1) == [1]
        await bob.phone.is_acknowledged()
        service.links[0].is_blocked = True
        service.links[0].cut()
        service.engine.kill()
        shutil.rmtree(service.written)
        shutil.copytree(keep, service.written)
        await service.engine.start()
        try:
            yield service, alice, bob
        finally:
            await alice.close()
            await bob.close()


async def begins_anew(device: Device) -> None:
    """Its stream ends, its session is gone: it knows that something was lost."""
    assert await device.is_ended() == LOST, device.user.user_id
    assert not (await device.resumes()).resumed


async def test_a_forgotten_message_is_not_hidden(tmp_path: Path) -> None:
    """Neither at the device that sent it, nor at the one that has heard it."""
    async with after_a_loss(tmp_path / "kept") as (service, alice, bob):
        service.links[0].is_blocked = False
        for user in (bob, alice):
            await begins_anew(user.phone)
        await alice.phone.offers(bob)
        await bob.phone.hears("offer")


async def test_a_message_in_the_place_of_a_forgotten_one_is_not_missed(tmp_path: Path) -> None:
    """A device that has heard another message with the same seq does not take it for that."""
    async with after_a_loss(tmp_path / "kept") as (service, alice, _):
        carol = User("carol", service.addresses[1])
        await turns(service.addresses[1], SERVICE, SERVING)
        await carol.connect("phone")
        call = await carol.phone.offers(alice)
        await carol.phone.is_acknowledged()
        service.links[0].is_blocked = False
        await begins_anew(alice.phone)
        assert (await alice.phone.hears("offer")).call_id == call
        await carol.close()
