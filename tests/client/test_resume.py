"""What a client makes of sessions: what it acknowledges, resumes and loses, and of draining."""

import asyncio

import grpc
from google.protobuf.duration_pb2 import Duration
from signaling.v1 import signaling_pb2 as pb

from examples.proxy import Proxy
from signaling_service.app import App
from signaling_service.client import (
    AppMessage,
    Cause,
    Connected,
    Disconnected,
    Ended,
    Incoming,
    Lost,
    Refused,
    Ringing,
    Timing,
)
from tests.conftest import LISTEN
from tests.devices import PATIENCE, sdp

from .people import Waits, all_of, connected, device, next_of, talk, until
from .scripted import Streamed
from .scripted import service as scripted

BROKEN = grpc.StatusCode.UNAVAILABLE


async def resume_and_stay(stream: Streamed) -> None:
    await stream.welcomes(resumed=True)
    await stream.stays()


async def test_what_is_heard_twice_is_told_once() -> None:
    """And what this client does not know is acknowledged and ignored."""
    acks: list[int] = []

    async def repeat(stream: Streamed) -> None:
        await stream.welcomes()
        await stream.hears()
        for seq in (1, 2, 2, 1):
            device = pb.Device(user_id="bob", device_id=f"device-{seq}")
            rung = pb.CallProgress(kind=pb.PROGRESS_KIND_RINGING, device=device)
            await stream.says(seq, call="a-call", progress=rung)
        await stream.says(3, call="a-call")  # a member of the future
        await stream.says(4, call="a-call", progress=pb.CallProgress(kind=99))  # type: ignore[arg-type]  # a newer service's
        while not acks or acks[-1] < 4:
            acks.append((await stream.hears()).ack)
        await stream.says(5, call="a-call", ended=pb.CallEnded(reason=pb.END_REASON_EXPIRED))
        await stream.stays()

    async with scripted(repeat) as address, device(address, "alice") as alice:
        call = alice.call("bob", sdp(), call_id="a-call")
        heard = await all_of(call)

    first, second, ended = heard
    assert isinstance(first, Ringing)
    assert isinstance(second, Ringing)
    assert (first.device.device_id, second.device.device_id) == ("device-1", "device-2")
    assert ended == Ended(pb.END_REASON_EXPIRED)


async def test_an_ack_goes_out_alone_after_a_while() -> None:
    """One for all that was heard, after the delay."""
    waits = Waits()
    ack: asyncio.Future[pb.ConnectRequest] = asyncio.get_running_loop().create_future()

    async def tell(stream: Streamed) -> None:
        await stream.welcomes()
        await stream.says(1, error=pb.RequestError())
        ack.set_result(await stream.hears())
        await stream.stays()

    async with scripted(tell) as address, device(address, "alice", waits.timing) as alice:
        await until(alice, Refused)
        heard = await asyncio.wait_for(ack, PATIENCE)

    assert heard == pb.ConnectRequest(ack=1)
    assert waits.seconds == [0.2]


async def test_leaving_acknowledges_what_was_heard() -> None:
    """Nothing is left in the mailbox that the app has seen; then this side is closed."""
    heard: asyncio.Future[pb.ConnectRequest] = asyncio.get_running_loop().create_future()

    async def tell(stream: Streamed) -> None:
        await stream.welcomes()
        await stream.says(1, error=pb.RequestError())
        heard.set_result(await stream.hears())
        await stream.stays()

    patient = Timing(ack_delay=PATIENCE)
    async with scripted(tell) as address, device(address, "alice", patient) as alice:
        await until(alice, Refused)
        await alice.close()

    assert await heard == pb.ConnectRequest(ack=1)


async def test_a_session_that_is_gone_ends_its_calls(service: App, proxy: Proxy) -> None:
    """The app is told of each call, what was not acknowledged is dropped, and life goes on."""
    async with App(LISTEN) as elsewhere:
        alice, bob = device(service.address, "alice"), device(proxy.address, "bob")
        carol = device(elsewhere.address, "carol")
        async with connected(alice, bob, carol):
            _call, incoming = await talk(alice, bob)
            proxy.swallow()
            incoming.send(AppMessage(b"unacknowledged"))
            proxy.target = elsewhere.address
            await proxy.swallowed()
            proxy.cut()
            again = await until(bob, Connected)
            heard = await all_of(incoming)
            bob.call("carol", sdp())
            await until(carol, Incoming)

    assert not again.resumed
    assert heard[-1] == Lost(Cause.SESSION)


async def test_the_service_knows_how_the_calls_of_a_lost_session_ended() -> None:
    """Those that it names end with its word, the others without."""
    ended = pb.CallEnded(reason=pb.END_REASON_PEER_GONE)
    snapshot = pb.CallSnapshot(call_id="one", state=pb.CALL_STATE_ENDED, ended=ended)

    async def break_after_two(stream: Streamed) -> None:
        await stream.welcomes()
        await stream.hears()
        await stream.hears()
        stream.ends(BROKEN)

    async def forget(stream: Streamed) -> None:
        await stream.welcomes(calls=[snapshot])
        await stream.stays()

    async with scripted(break_after_two, forget) as address, device(address, "alice") as alice:
        one, two = (alice.call("bob", sdp(), call_id=name) for name in ("one", "two"))
        await until(alice, Connected)
        again = await until(alice, Connected)

    assert (again.resumed, again.calls) == (False, (snapshot,))
    assert one.ended == Ended(pb.END_REASON_PEER_GONE)
    assert two.ended == Lost(Cause.SESSION)


async def test_a_draining_node_is_left_when_it_asks(service: App, proxy: Proxy) -> None:
    """The client goes politely, and finds the node that takes its place."""
    async with App(LISTEN) as elsewhere:
        bob = device(proxy.address, "bob")
        async with connected(bob):
            proxy.target = elsewhere.address
            await service.drain()
            left, again = await next_of(bob), await next_of(bob)

    assert isinstance(left, Disconnected)
    assert (left.code, left.after) == (grpc.StatusCode.OK, 0.0)
    assert isinstance(again, Connected)


async def test_a_node_that_is_gone_too_early_is_waited_for_all_the_same() -> None:
    """`reconnect_after` comes before any backoff: it spreads those who come."""
    waits = Waits()

    async def drain_and_die(stream: Streamed) -> None:
        await stream.welcomes()
        await stream.says(draining=pb.Draining(reconnect_after=Duration(seconds=7)))
        stream.ends(BROKEN)

    async with (
        scripted(drain_and_die, resume_and_stay) as address,
        device(address, "alice", waits.timing) as alice,
    ):
        await until(alice, Connected)
        lost = await until(alice, Disconnected)
        await until(alice, Connected)

    assert 6 < lost.after <= 7
    assert waits.seconds[-1] == lost.after
