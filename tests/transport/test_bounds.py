"""Full is an end, not a jam: what one device does or fails to do is its own business."""

import asyncio
import contextlib
from collections.abc import Callable

import grpc
import pytest
from grpc import StatusCode
from signaling.v1 import signaling_pb2 as pb
from websockets.asyncio.client import connect

from signaling_service.app import App
from signaling_service.backends.memory import MemoryBackend
from signaling_service.core.model import Device as DeviceKey
from signaling_service.core.rules import Rules
from signaling_service.limits import LimitSettings
from signaling_service.transport import errors
from signaling_service.transport.stream import MAX_UNNUMBERED
from tests.clock import ManualClock
from tests.devices import PATIENCE, Device, User, answered_call
from tests.shared import OVER_WEB
from tests.transport.carrier import Carrier, a_service
from tests.transport.http2 import CONNECT, Http2
from tests.transport.settings import limited

STUCK = (StatusCode.RESOURCE_EXHAUSTED, "the device does not read: a write took more than 10 s")
ByteStream = grpc.aio.StreamStreamCall[bytes, bytes]
UNREAD = 100  # messages of 60,000 bytes: more than the transport takes off our hands
heavy = limited(
    stuck_write_seconds=10, app_message_bytes=60_000, unacked_bytes=10_000_000, others_burst=1000
)


async def says(device: Device, call: str, size: int = 4) -> None:
    """Send the peer's app a message of `size` bytes."""
    await device.sends(call=call, app_message=pb.AppMessage(body=b"x" * size))


@limited(unacked_messages=10)
async def test_call_that_nobody_acknowledges_ends(alice: User, bob: User) -> None:
    """Its device has stopped listening; that ends this call, and no other."""
    call = await answered_call(alice, bob)
    bob.phone.acknowledges = False
    await alice.connect("laptop")
    other = await alice.laptop.offers(bob)
    await bob.phone.hears("offer")

    for _ in range(11):
        await says(alice.phone, call)

    ended = await alice.phone.hears_end(pb.END_REASON_PEER_GONE)
    assert ended.ended_by == bob.phone.message
    for _ in range(11):
        await bob.phone.hears("app_message")
    assert (await bob.phone.hears("ended")).ended == ended
    await bob.phone.answers(other)
    await alice.laptop.hears("answer")


@limited(unacked_messages=10)
async def test_call_of_a_device_that_is_away_ends(alice: User, bob: User) -> None:
    """The same bound while it has no stream; on return it gets all of it, and the end."""
    call = await answered_call(alice, bob)
    await bob.phone.half_closes()
    await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)

    for _ in range(11):
        await says(alice.phone, call)

    await alice.phone.hears_end(pb.END_REASON_PEER_GONE)
    assert (await bob.phone.resumes()).resumed
    for _ in range(11):
        await bob.phone.hears("app_message")
    await bob.phone.hears_end(pb.END_REASON_PEER_GONE)
    await bob.phone.hears_nothing()


@limited(unacked_bytes=10_000)
async def test_call_that_leaves_too_many_bytes_ends(alice: User, bob: User) -> None:
    """Few messages, but large ones."""
    call = await answered_call(alice, bob)
    bob.phone.acknowledges = False

    for _ in range(3):
        await says(alice.phone, call, size=4096)

    await alice.phone.hears_end(pb.END_REASON_PEER_GONE)


@limited(unacked_messages=10)
async def test_device_that_acknowledges_has_no_bound(alice: User, bob: User) -> None:
    """The bound is for what is unacknowledged, not for a call."""
    call = await answered_call(alice, bob)

    for _ in range(30):
        await says(alice.phone, call)
        await bob.phone.hears("app_message")

    await alice.phone.hears_nothing()


@limited(unacked_messages=10)
async def test_errors_that_nobody_acknowledges_end_the_stream(alice: User) -> None:
    """A device must listen to its errors; when it does it goes on where it was."""
    await alice.phone.connects()
    alice.phone.acknowledges = False

    for _ in range(12):
        await alice.phone.rings("no-such-call")

    assert await alice.phone.is_ended() == (
        StatusCode.RESOURCE_EXHAUSTED,
        "unacknowledged errors: at most 10, or 1048576 bytes",
    )
    alice.phone.received = 11
    await alice.phone.resumes()
    assert alice.phone.acked_by_service == 11
    alice.phone.seq = 11
    await alice.phone.hears_nothing()


async def stream_that_reads_nothing(
    device: Device,
) -> tuple[grpc.aio.Channel, ByteStream]:
    """Resume the session of `device` on a stream that reads nothing."""
    channel = grpc.aio.insecure_channel(device.user.address)
    stream: ByteStream = channel.stream_stream(CONNECT)(metadata=device.identity)
    hello = pb.Hello(session_id=device.welcome.session_id)
    request = pb.ConnectRequest(hello=hello, ack=device.received)
    await stream.write(request.SerializeToString())
    return channel, stream


async def reads_to_the_end(stream: ByteStream) -> tuple[StatusCode, str]:
    """Read at last what the service has sent; returns how it ended the stream."""
    with contextlib.suppress(grpc.aio.AioRpcError):
        async with asyncio.timeout(PATIENCE):
            async for _ in stream:
                pass
    return await stream.code(), await stream.details()


@heavy
async def test_device_that_does_not_read(alice: User, bob: User, clock: ManualClock) -> None:
    """Its stream ends after 10 s; it may resume, and nothing is lost. Others feel nothing."""
    call = await answered_call(alice, bob)
    await bob.connect("tablet")
    await bob.phone.half_closes()
    await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
    channel, stream = await stream_that_reads_nothing(bob.phone)
    await alice.phone.hears_progress(pb.PROGRESS_KIND_BACK)
    for _ in range(UNREAD):
        await says(alice.phone, call, size=60_000)
    await alice.phone.hears_nothing()

    clock.advance(9)
    await alice.phone.hears_nothing()  # not even AWAY
    await bob.tablet.hears_nothing()
    clock.advance(2)
    await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)

    assert await reads_to_the_end(stream) == STUCK
    await channel.close()
    assert (await bob.phone.resumes()).resumed
    for _ in range(UNREAD):
        await bob.phone.hears("app_message")
    await bob.phone.hears_nothing()


@heavy
@pytest.mark.parametrize("backends", [OVER_WEB], indirect=True)
async def test_browser_that_does_not_read(
    alice: User, bob: User, clock: ManualClock, app: App, *, over_web: bool
) -> None:
    """The same over a WebSocket: it is cut, for it would read no close frame either."""
    assert over_web
    call = await answered_call(alice, bob)
    await bob.phone.half_closes()
    await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
    url = f"ws://{app.websocket_address}"
    peer = await connect(url, additional_headers=list(bob.phone.identity), proxy=None)
    hello = pb.Hello(session_id=bob.phone.welcome.session_id)
    ack = bob.phone.received
    await peer.send(pb.ConnectRequest(hello=hello, ack=ack).SerializeToString())
    await peer.recv()
    peer.transport.pause_reading()
    await alice.phone.hears_progress(pb.PROGRESS_KIND_BACK)
    for _ in range(UNREAD):
        await says(alice.phone, call, size=60_000)
    await alice.phone.hears_nothing()

    clock.advance(9)
    await alice.phone.hears_nothing()
    clock.advance(2)

    await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
    assert (await bob.phone.resumes()).resumed
    for _ in range(UNREAD):
        await bob.phone.hears("app_message")
    peer.transport.abort()


@heavy
async def test_device_that_gives_no_window(
    alice: User, bob: User, clock: ManualClock, http2: Callable[[], Http2]
) -> None:
    """Not a byte may be sent: the same end, with its status once there is a window."""
    call = await answered_call(alice, bob)
    await bob.phone.half_closes()
    await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
    hello = pb.Hello(session_id=bob.phone.welcome.session_id)
    miser = http2()
    await miser.open(window=0)
    miser.request(1, bob.phone.identity)
    miser.send(1, pb.ConnectRequest(hello=hello, ack=bob.phone.received))
    await alice.phone.hears_progress(pb.PROGRESS_KIND_BACK)
    for _ in range(UNREAD):
        await says(alice.phone, call, size=60_000)
    await alice.phone.hears_nothing()

    clock.advance(6)
    await alice.phone.hears_nothing()  # its write is not stuck
    clock.advance(5)

    await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
    messages, status = await miser.reads_all(1)
    assert status == StatusCode.RESOURCE_EXHAUSTED.value[0]
    assert messages[0].WhichOneof("payload") == "welcome"
    assert len(messages) < UNREAD
    assert (await bob.phone.resumes()).resumed


@heavy
async def test_device_that_half_closes_and_does_not_read(
    alice: User, bob: User, clock: ManualClock, http2: Callable[[], Http2]
) -> None:
    """The flush takes 5 s at most."""
    call = await answered_call(alice, bob)
    await bob.phone.half_closes()
    await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
    for _ in range(UNREAD):
        await says(alice.phone, call, size=60_000)
    await alice.phone.hears_nothing()
    hello = pb.Hello(session_id=bob.phone.welcome.session_id)
    miser = http2()
    await miser.open(window=0)
    miser.request(1, bob.phone.identity)
    miser.send(1, pb.ConnectRequest(hello=hello, ack=bob.phone.received))
    miser.half_close(1)
    await alice.phone.hears_progress(pb.PROGRESS_KIND_BACK)
    await alice.phone.hears_nothing()

    clock.advance(5)

    await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
    assert (await miser.reads_all(1))[1] == StatusCode.OK.value[0]
    assert (await bob.phone.resumes()).resumed


async def test_flood_of_unnumbered_errors_is_bounded() -> None:
    """A device that asks and does not read is read no more; when it reads, it gets them all."""
    clock = ManualClock()
    limits = LimitSettings(others_burst=1000)
    service = a_service(clock, limits, MemoryBackend(clock, Rules()))
    device = Carrier(DeviceKey("alice", "phone"), service)
    device.asks(pb.ConnectRequest(hello=pb.Hello()))
    await device.settles()
    device.is_reading.clear()

    device.asks(*[pb.ConnectRequest(call_id="no", ringing=pb.Ringing())] * 500)
    await device.settles()
    # the hello, the one whose error is being written, and the one that waits for room
    assert device.asked <= 1 + 1 + MAX_UNNUMBERED + 1
    device.is_reading.set()
    await device.settles()
    assert [response.WhichOneof("payload") for response in device.told[1:]] == ["error"] * 500

    device.is_reading.clear()
    device.asks(*[pb.ConnectRequest(call_id="no", ringing=pb.Ringing())] * 100)
    await device.settles()
    clock.advance(11)
    assert await device.task == errors.write_stuck(10)
