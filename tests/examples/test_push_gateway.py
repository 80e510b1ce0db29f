"""A gateway wakes the phones of whoever is called, and nobody else."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from signaling.v1 import calls_pb2 as pb
from signaling.v1 import signaling_pb2 as signaling

from examples.push_gateway import Push, PushGateway
from signaling_service.clock import SystemClock
from tests.examples.scripted_calls import ScriptedCalls, scripted
from tests.valkey.waiting import until
from tests.webhook.log import WrittenLog

TOKENS = {"bob": {"phone": "token-phone", "tablet": "token-tablet"}}


class Pushes:
    """A `PushSender` that keeps what it was asked for."""

    def __init__(self) -> None:
        self.told: list[str] = []  # in the order it came
        self.pushes: list[Push] = []

    async def push(self, push: Push) -> None:
        """See `PushSender.push`."""
        self.pushes.append(push)
        self.told.append(f"wake {push.token} {push.call_id}")

    async def withdraw(self, token: str, call_id: str) -> None:
        """See `PushSender.withdraw`."""
        self.told.append(f"withdraw {token} {call_id}")

    async def has(self, count: int) -> None:
        """Wait until it was asked so often."""

        async def is_so() -> bool:
            return len(self.told) >= count

        await until(is_so)


class Scene:
    """A scripted service, phones that can be pushed, and a gateway that comes and goes."""

    def __init__(self, service: ScriptedCalls, file: Path) -> None:
        self.service = service
        self.log = service.log
        self.pushes = Pushes()
        self.tokens: Mapping[str, Mapping[str, str]] = TOKENS
        self.file = file

    @asynccontextmanager
    async def gateway(self) -> AsyncIterator[asyncio.Task[None]]:
        """One that runs, and has begun to watch; what ends it is like a kill."""
        watchers = self.service.watchers
        async with grpc.aio.insecure_channel(self.service.address) as channel:
            gateway = PushGateway(channel, self.tokens, self.pushes, self.file)
            running = asyncio.create_task(gateway.run())

            async def watches() -> bool:
                return self.service.watchers > watchers and self.file.exists()

            await until(watches)
            yield running
            running.cancel()
            await asyncio.wait([running])

    async def is_idle(self) -> None:
        """Wait until it has handled all there is."""
        newest = await self.log.newest()

        async def is_so() -> bool:
            return bool(json.loads(self.file.read_text())["cursor"] == newest)

        await until(is_so)

    def rings(
        self,
        call: str,
        *reached: str,
        only: str | None = None,
        ago: float = 0.0,
        for_: float = 60.0,
    ) -> None:
        """Alice calls Bob, since a while."""
        event = pb.SignalingEvent()
        event.time.FromMilliseconds(round((time.time() - ago) * 1000))
        offer = event.offer_pending
        offer.call_id, offer.recipient_user_id = call, "bob"
        offer.caller.MergeFrom(signaling.Device(user_id="alice", device_id="laptop"))
        offer.metadata["name"] = "Alice"
        offer.time_left.FromMilliseconds(round(for_ * 1000))
        offer.reached.extend(signaling.Device(user_id="bob", device_id=name) for name in reached)
        if only is not None:
            offer.recipient_device_id = only
        self.log.add(event)
        ringing = pb.Call(call_id=call, state=signaling.CALL_STATE_RINGING, callee_user_id="bob")
        ringing.caller.CopyFrom(offer.caller)
        ringing.create_time.CopyFrom(event.time)
        deadline = event.time.ToMilliseconds() + round(for_ * 1000)
        ringing.ring_deadline.FromMilliseconds(deadline)
        ringing.legs.extend(pb.CallLeg(device=device) for device in offer.reached)
        self.service.calls[call] = ringing

    def is_settled(self, call: str) -> None:
        """It does not ring any more."""
        self.service.calls[call].state = signaling.CALL_STATE_ENDED
        self.log.happens(call, "offer_settled")


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Before anything happens."""
    async with scripted(WrittenLog(SystemClock())) as service:
        yield Scene(service, tmp_path / "state.json")


async def test_who_is_not_reached_is_woken(scene: Scene) -> None:
    """With what the phone shows, and until when; and is left alone once it is settled."""
    async with scene.gateway():
        scene.rings("call-1", "tablet")
        scene.is_settled("call-1")
        await scene.is_idle()

    assert scene.pushes.told == ["wake token-phone call-1", "withdraw token-phone call-1"]
    (push,) = scene.pushes.pushes
    assert (push.caller, push.metadata) == ("alice", {"name": "Alice"})
    ringing = scene.service.calls["call-1"]
    assert push.expires_at == ringing.ring_deadline.ToNanoseconds() / 1e9


async def test_only_who_is_meant(scene: Scene) -> None:
    """The named device alone; nobody who has no token, and nobody who is connected."""
    async with scene.gateway():
        scene.rings("call-1", only="tablet")
        scene.rings("call-2", only="watch")
        scene.rings("call-3", "phone", "tablet")
        await scene.is_idle()

    assert scene.pushes.told == ["wake token-tablet call-1"]


async def test_killed_and_started_again(scene: Scene) -> None:
    """Who was called meanwhile is woken, and a push that was out is withdrawn."""
    scene.tokens = {"bob": {"phone": "token-phone"}}
    async with scene.gateway():
        scene.rings("call-1")
        await scene.is_idle()
    scene.is_settled("call-1")
    scene.rings("call-2")
    async with scene.gateway():
        await scene.is_idle()
    async with scene.gateway():
        scene.is_settled("call-2")
        await scene.is_idle()

    assert scene.pushes.told == [
        *("wake token-phone call-1", "withdraw token-phone call-1"),
        *("wake token-phone call-2", "withdraw token-phone call-2"),
    ]


@pytest.mark.parametrize(
    "what",
    [
        lambda scene: scene.rings("call-2", ago=61.0),
        lambda scene: (scene.rings("call-2", ago=10.0), scene.is_settled("call-2")),
        lambda scene: (scene.rings("call-2", ago=10.0), scene.service.calls.clear()),
    ],
    ids=["rang out", "settled", "forgotten"],
)
async def test_what_is_over_wakes_nobody(scene: Scene, what: Callable[[Scene], object]) -> None:
    """A gateway that was away does not ring for calls that are gone."""
    async with scene.gateway():
        await scene.is_idle()
    what(scene)
    async with scene.gateway():
        await scene.is_idle()

    assert scene.pushes.told == []


async def test_a_cursor_that_is_too_old(scene: Scene) -> None:
    """What is out is withdrawn, since nobody knows; what rings now is pushed."""
    scene.tokens = {"bob": {"phone": "token-phone"}}
    async with scene.gateway():
        scene.rings("call-1")
        await scene.is_idle()
    scene.is_settled("call-1")
    scene.rings("call-2")
    scene.rings("call-3", "phone")
    scene.log.forgets(4)
    async with scene.gateway():
        await scene.pushes.has(3)
        await scene.is_idle()

    assert scene.pushes.told == [
        *("wake token-phone call-1", "withdraw token-phone call-1", "wake token-phone call-2")
    ]
