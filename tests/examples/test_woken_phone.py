"""A phone that is off is woken by a call, through the example of a push gateway."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from signaling.v1 import signaling_pb2 as pb

from examples.push_gateway import Push, PushGateway
from signaling_service.app import App
from tests.devices import Device, User
from tests.valkey.waiting import until


class Vendor:
    """A `PushSender` whose phones do what they are told."""

    def __init__(self, *phones: Device) -> None:
        self.told: list[str] = []
        self.wakings: list[asyncio.Task[None]] = []
        self._phones = {phone.user.user_id: phone for phone in phones}

    async def push(self, push: Push) -> None:
        """A phone wakes; its app connects, and finds the call."""
        self.told.append(f"wake {push.token} {push.call_id}")
        if phone := self._phones.get(push.token):
            self.wakings.append(asyncio.create_task(self._wake(phone, push)))

    async def withdraw(self, token: str, call_id: str) -> None:
        """It shows nothing any more."""
        self.told.append(f"withdraw {token} {call_id}")

    async def has(self, *told: str) -> None:
        """Wait until it was told this, and no more."""

        async def is_so() -> bool:
            return self.told == list(told)

        await until(is_so)

    async def _wake(self, phone: Device, push: Push) -> None:
        await phone.connects()
        assert (await phone.is_rung()).call_id == push.call_id


@pytest.fixture
async def carol(service: App) -> AsyncIterator[User]:
    """Somebody who is not there."""
    user = User("carol", service.address)
    yield user
    await user.close()


@pytest.fixture
async def caller(service: App) -> AsyncIterator[User]:
    """Alice, at her laptop."""
    user = User("alice", service.address)
    await user.laptop.connects()
    yield user
    await user.close()


@asynccontextmanager
async def gateway(service: App, vendor: Vendor, file: Path) -> AsyncIterator[None]:
    """One that runs until it is killed; each user's one token is their name."""
    tokens = {name: {"phone": name} for name in ("bob", "carol")}
    async with grpc.aio.insecure_channel(service.address) as channel:
        running = asyncio.create_task(PushGateway(channel, tokens, vendor, file).run())
        await begins(file)
        yield
        running.cancel()
        await asyncio.wait([running])


async def begins(file: Path) -> None:
    """Wait until a gateway knows from where on it must miss nothing."""

    async def has_begun() -> bool:
        return await asyncio.to_thread(file.exists)

    await until(has_begun)


async def test_a_phone_is_woken_and_answers(service: App, caller: User, tmp_path: Path) -> None:
    """The caller hears that nobody is there, then ringing, then the answer."""
    bob = User("bob", service.address)
    vendor, laptop = Vendor(bob.phone), caller.laptop
    async with gateway(service, vendor, tmp_path / "state.json"):
        call = await laptop.offers(bob)
        await laptop.hears_progress(pb.PROGRESS_KIND_WAITING)
        await laptop.hears_progress(pb.PROGRESS_KIND_RINGING)
        await asyncio.gather(*vendor.wakings)
        await bob.phone.answers(call)
        assert (await laptop.hears("answer")).call_id == call
        await vendor.has(f"wake bob {call}", f"withdraw bob {call}")
    await bob.close()


async def test_a_caller_gives_up(service: App, caller: User, carol: User, tmp_path: Path) -> None:
    """The push is withdrawn."""
    vendor = Vendor()
    async with gateway(service, vendor, tmp_path / "state.json"):
        call = await caller.laptop.offers(carol)
        await vendor.has(f"wake carol {call}")
        await caller.laptop.hangs_up(call)
        await vendor.has(f"wake carol {call}", f"withdraw carol {call}")


async def test_a_phone_that_is_connected_is_not_pushed(
    service: App, caller: User, carol: User, tmp_path: Path
) -> None:
    """It rings as it is; the next call, to somebody who is not there, is pushed."""
    bob = User("bob", service.address)
    await bob.phone.connects()
    vendor = Vendor()
    async with gateway(service, vendor, tmp_path / "state.json"):
        await caller.laptop.offers(bob)
        await bob.phone.is_rung()
        call = await caller.laptop.offers(carol)
        await vendor.has(f"wake carol {call}")
    await bob.close()


async def test_a_gateway_is_killed(service: App, caller: User, carol: User, tmp_path: Path) -> None:
    """Who is called meanwhile is woken when it is back, and who was given up is not."""
    vendor, file = Vendor(), tmp_path / "state.json"
    async with gateway(service, vendor, file):
        first = await caller.laptop.offers(carol)
        await vendor.has(f"wake carol {first}")
    await caller.laptop.hangs_up(first)
    second = await caller.laptop.offers(carol)
    async with gateway(service, vendor, file):
        await vendor.has(f"wake carol {first}", f"withdraw carol {first}", f"wake carol {second}")
