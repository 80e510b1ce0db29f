"""However a stream is lost, nothing of it is left, nothing is logged as a mistake."""

import asyncio
import gc
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any

import pytest
from signaling.v1 import signaling_pb2 as pb
from structlog.testing import capture_logs

from signaling_service.backends.base import Applied, Step
from signaling_service.backends.memory import MemoryBackend
from signaling_service.core.model import Device as DeviceKey
from signaling_service.core.rules import Rules
from signaling_service.limits import LimitSettings
from signaling_service.transport.stream import Stream
from tests.clock import ManualClock
from tests.devices import PATIENCE, Device, User, answered_call
from tests.transport.carrier import Carrier, a_service
from tests.transport.census import at_rest
from tests.transport.http2 import Http2

MANY = 30  # losing a stream races with itself: once in some 100 a cancel came twice


def mistakes(logs: Sequence[MutableMapping[str, Any]]) -> list[MutableMapping[str, Any]]:
    """What is worse than the ordinary: streams that come and go."""
    return [line for line in logs if line["log_level"] != "info"]


async def test_cancelled_streams_are_cleaned_up(
    alice: User, bob: User, caplog: pytest.LogCaptureFixture
) -> None:
    """The peer hears AWAY every time, and no task is left."""
    await answered_call(alice, bob)
    await bob.phone.half_closes()
    await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)

    with capture_logs() as logs:
        for _ in range(MANY):
            await bob.phone.resumes()
            await alice.phone.hears_progress(pb.PROGRESS_KIND_BACK)
            await bob.phone.drops()
            await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)

        await at_rest(streams=1)
    assert mistakes(logs) == []
    assert caplog.records == []


async def test_broken_connections_are_cleaned_up(
    alice: User, bob: User, http2: Callable[[], Http2], caplog: pytest.LogCaptureFixture
) -> None:
    """The same when TCP breaks."""
    await answered_call(alice, bob)
    await bob.phone.half_closes()
    await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
    hello = pb.Hello(session_id=bob.phone.welcome.session_id)

    with capture_logs() as logs:
        for _ in range(MANY):
            connection = http2()
            await connection.open()
            connection.request(1, bob.phone.identity)
            connection.send(1, pb.ConnectRequest(hello=hello, ack=bob.phone.received))
            await alice.phone.hears_progress(pb.PROGRESS_KIND_BACK)
            connection.abort()
            await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)

        await at_rest(streams=1)
    assert mistakes(logs) == []
    assert caplog.records == []


async def test_streams_lost_at_any_moment(
    alice: User, http2: Callable[[], Http2], caplog: pytest.LogCaptureFixture
) -> None:
    """Before the hello, right behind it, with requests on the way: all in one packet."""
    await alice.phone.connects()
    request = pb.ConnectRequest(seq=1, call_id="no-such-call", ringing=pb.Ringing())

    with capture_logs() as logs:
        for count in range(MANY):
            connection = http2()
            await connection.open()
            connection.request(1, (("user-id", "bob"), ("device-id", f"device{count}")))
            connection.send(1, *[pb.ConnectRequest(hello=pb.Hello()), request][: count % 3])
            connection.reset(1)
            connection.ping()
            await connection.hears_pong()
            connection.abort()

        await at_rest(streams=1)
    await alice.phone.hears_nothing()
    assert mistakes(logs) == []
    assert caplog.records == []


class SlowBackend(MemoryBackend):
    """Takes its time for the call `slow`."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock, Rules())
        self.is_asked = asyncio.Event()
        self.may_go_on = asyncio.Event()

    async def apply(self, step: Step) -> Applied:
        """Wait, if it is that call."""
        if step.call_id == "slow":
            self.is_asked.set()
            await self.may_go_on.wait()
        return await super().apply(step)


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_stream_that_is_cancelled_more_than_once(times: int) -> None:
    """GRPC may cancel while a stream is being left: its device is gone none the less."""
    clock = ManualClock()
    backend = SlowBackend(clock)
    service = a_service(clock, LimitSettings(devices_per_user=1), backend)
    phone = Carrier(DeviceKey("alice", "phone"), service)
    phone.asks(
        pb.ConnectRequest(hello=pb.Hello()),
        pb.ConnectRequest(seq=1, call_id="slow", ringing=pb.Ringing()),
    )
    await backend.is_asked.wait()

    for _ in range(times):
        phone.task.cancel()
        await phone.settles()
    assert not phone.task.done()  # a step in flight is not given up
    backend.may_go_on.set()

    async with asyncio.timeout(PATIENCE):
        await asyncio.wait([phone.task])
    assert phone.task.cancelled()
    devices = await backend.archive.devices("alice")
    assert [device.is_connected for device in devices] == [False]


async def test_stream_that_has_ended_needs_no_garbage_collector(alice: User) -> None:
    """Its memory is free at once: the collector looks at old objects once in a long while."""
    gc.collect()  # what tests before this one have left in a cycle
    gc.disable()
    try:
        for _ in range(3):
            await alice.phone.connects()
            await alice.phone.hears_nothing()
            await alice.phone.sends(call="no-such-call", ringing=pb.Ringing())
            await alice.phone.drops()
        await at_rest(streams=0)

        assert [each for each in gc.get_objects() if type(each) is Stream] == []
    finally:
        gc.enable()


async def test_session_is_open_to_its_device_at_once(
    alice: User, another: Callable[[Device], Device]
) -> None:
    """A device need not wait for its lost stream to be noticed."""
    await alice.phone.connects()
    for _ in range(MANY):
        twin = another(alice.phone)
        await asyncio.gather(alice.phone.drops(), twin.resumes())
        await twin.drops()
    await alice.phone.resumes()
    await alice.phone.hears_nothing()
