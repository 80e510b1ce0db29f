"""Of many streams that come or go in the same instant a few are in work, and none is late."""

import asyncio

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service import registry
from signaling_service.backends.base import Attached, Over, Visit
from signaling_service.backends.memory import MemoryBackend
from signaling_service.core.model import Device
from signaling_service.core.rules import Rules
from signaling_service.limits import LimitSettings
from signaling_service.registry import AT_ONCE
from signaling_service.transport import errors
from signaling_service.transport.reception import HELLO_TIMEOUT
from signaling_service.turns import Turns
from tests.clock import ManualClock
from tests.devices import PATIENCE
from tests.transport.carrier import Carrier, a_service


class ClosedBackend(MemoryBackend):
    """Lets nobody in until `is_open` is set; `coming` counts who waits inside, or did."""

    def __init__(self, clock: ManualClock, expected: int) -> None:
        super().__init__(clock, Rules())
        self.coming = 0
        self.is_open = asyncio.Event()
        self.is_full = asyncio.Event()  # everybody expected has come
        self._expected = expected

    async def attach(self, visit: Visit) -> Attached | Over:
        """Wait, then do as always."""
        self.coming += 1
        if self.coming == self._expected:
            self.is_full.set()
        await self.is_open.wait()
        return await super().attach(visit)


async def test_hello_that_waits_its_turn_is_in_time() -> None:
    """What took long was the crowd, not the device: all are welcomed in the end."""
    clock = ManualClock()
    backend = ClosedBackend(clock, expected=3 * AT_ONCE)
    service = a_service(clock, LimitSettings(), backend)
    phones = [Carrier(Device(f"user{n}", "phone"), service) for n in range(3 * AT_ONCE)]
    for phone in phones:
        phone.asks(pb.ConnectRequest(hello=pb.Hello()))
    await phones[-1].settles()
    assert backend.coming == AT_ONCE

    clock.advance(HELLO_TIMEOUT + 1)
    backend.is_open.set()
    async with asyncio.timeout(PATIENCE):
        await backend.is_full.wait()
    await phones[-1].settles()

    kinds = [[each.WhichOneof("payload") for each in phone.told] for phone in phones]
    assert kinds == [["welcome"]] * len(phones)
    for phone in phones:
        phone.task.cancel()
    await asyncio.wait([phone.task for phone in phones])


async def test_others_come_in_between() -> None:
    """Turns in which nothing waits leave the loop to others all the same, and come in order."""
    turns = Turns(at_once=2)
    taken: list[str] = []

    async def take(name: str) -> None:
        async with turns:
            taken.append(name)

    async def other() -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        taken.append("other")

    await asyncio.gather(*(take(f"{n}") for n in range(4)), other())

    assert taken == ["0", "1", "other", "2", "3"]


async def test_turn_that_fails_is_over() -> None:
    """The next one comes."""
    turns = Turns(at_once=1)
    with pytest.raises(LookupError):
        async with turns:
            raise LookupError

    async with asyncio.timeout(PATIENCE), turns:
        pass


async def test_nobody_waits_for_ever() -> None:
    """Where a crowd gets nowhere, such as while an engine is away, whoever waits is told."""
    turns = Turns(1, patience=0.01)
    async with turns:
        with pytest.raises(TimeoutError):
            async with turns:
                raise AssertionError("it is somebody else's turn")


async def test_crowd_that_gets_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its devices are told to come again, with the status of a service whose data is away."""
    monkeypatch.setattr(registry, "COMING_PATIENCE", 0.01)
    clock = ManualClock()
    backend = ClosedBackend(clock, expected=AT_ONCE + 1)
    service = a_service(clock, LimitSettings(), backend)
    phones = [Carrier(Device(f"user{n}", "phone"), service) for n in range(AT_ONCE + 1)]
    for phone in phones:
        phone.asks(pb.ConnectRequest(hello=pb.Hello()))

    async with asyncio.timeout(PATIENCE):
        assert await phones[-1].task == errors.BACKEND_AWAY
    backend.is_open.set()
    for phone in phones[:-1]:
        await phone.settles()
        assert phone.told[0].HasField("welcome")
        phone.task.cancel()
    await asyncio.wait([phone.task for phone in phones])
