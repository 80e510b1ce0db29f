"""What grpc.aio makes easy to get wrong, seen from outside."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from grpc import StatusCode
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from signaling.v1 import signaling_pb2 as pb

from tests.devices import CHANNEL_OPTIONS, PATIENCE, Device, User, answered_call
from tests.transport.http2 import Http2
from tests.transport.settings import limited, settings

HELLO = pb.ConnectRequest(hello=pb.Hello())
IDENTITY = (("user-id", "carol"), ("device-id", "phone"))
JUNK = {
    "bytes": [b"\xff" * 100],
    "a gap": [pb.ConnectRequest(seq=7)],
    "a hello": [HELLO],
    "an ack": [pb.ConnectRequest(ack=7)],
    "much": [b"\xff" * 100] * 100,
}


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK.keys())
async def test_junk_right_behind_the_hello(
    alice: User, http2: Callable[[], Http2], junk: list[bytes | pb.ConnectRequest]
) -> None:
    """All in one packet, so that the stream has to end while it writes its welcome."""
    for _ in range(5):
        connection = http2()
        await connection.open()

        connection.request(1, IDENTITY)
        connection.send(1, HELLO, *junk)

        _, status = await connection.reads_all(1)
        assert status in (
            StatusCode.INVALID_ARGUMENT.value[0],
            StatusCode.FAILED_PRECONDITION.value[0],
        )
    await alice.phone.connects()


@limited(app_message_bytes=60_000, unacked_bytes=10_000_000, others_burst=1000)
async def test_cancel_in_the_middle_of_a_write(
    alice: User, bob: User, http2: Callable[[], Http2]
) -> None:
    """The stream is off at once, whatever it was about to say; the session goes on."""
    call = await answered_call(alice, bob)
    await bob.phone.half_closes()
    await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
    miser = http2()
    await miser.open(window=1000)
    miser.request(1, bob.phone.identity)
    hello = pb.Hello(session_id=bob.phone.welcome.session_id)
    miser.send(1, pb.ConnectRequest(hello=hello, ack=bob.phone.received))
    await alice.phone.hears_progress(pb.PROGRESS_KIND_BACK)
    for _ in range(20):
        message = pb.AppMessage(body=b"x" * 60_000)
        await alice.phone.sends(call=call, app_message=message)
    await alice.phone.hears_nothing()

    miser.reset(1)

    await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
    await bob.phone.resumes()
    for _ in range(20):
        await bob.phone.hears("app_message")
    await bob.phone.hears_nothing()


async def test_streams_of_one_device_that_race(
    alice: User, bob: User, another: Callable[[Device], Device]
) -> None:
    """Whichever comes last wins, there is exactly one, and the call does not notice."""
    call = await answered_call(alice, bob)
    twins = [another(bob.phone) for _ in range(10)]
    hello = pb.Hello(session_id=bob.phone.welcome.session_id)
    for twin in twins:
        twin.seq, twin.received = bob.phone.seq, bob.phone.received
        await twin.opens()

    await asyncio.gather(*[twin.sends(hello=hello, seq=0) for twin in twins])
    for twin in twins:
        assert (await twin.hears("welcome")).welcome.resumed
    ended = [asyncio.create_task(twin.is_ended()) for twin in twins]
    async with asyncio.timeout(PATIENCE):
        while sum(task.done() for task in ended) < 9:
            pending = [task for task in ended if not task.done()]
            await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)

    (winner,) = [twin for twin, task in zip(twins, ended, strict=True) if not task.done()]
    await winner.trickles(call, 1)
    assert await alice.phone.hears_candidates(1) == [1]
    for task in ended:
        if task.done():
            assert task.result()[0] is StatusCode.ABORTED
        else:
            task.cancel()


async def test_resets_in_a_row(alice: User, http2: Callable[[], Http2]) -> None:
    """Streams that are begun and reset as fast as frames go (CVE-2023-44487): others go on."""
    await alice.phone.connects()
    connection = http2()
    await connection.open()

    for number in range(2000):
        connection.request(2 * number + 1, IDENTITY)
        connection.reset(2 * number + 1)

    await alice.phone.hears_nothing()
    connection.abort()
    await alice.phone.hears_nothing()


@pytest.mark.parametrize(
    "noise",
    [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"\x00" * 1000],
    ids=["HTTP/1.1", "TLS", "zeros"],
)
async def test_noise_on_the_port(alice: User, http2: Callable[[], Http2], noise: bytes) -> None:
    """What is no HTTP/2 is let go, and concerns nobody."""
    connection = http2()
    await connection.open_tcp()

    connection.write(noise)

    await connection.is_closed()
    await alice.phone.connects()


@pytest.mark.parametrize("service", ["", "signaling.v1.SignalingService"])
async def test_health(alice: User, service: str) -> None:
    """For load balancers: the node, and the service by its name."""
    async with grpc.aio.insecure_channel(alice.address, options=CHANNEL_OPTIONS) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)

        answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))

    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def reflection(channel: grpc.aio.Channel) -> Any:
    """The stream of a client that asks what there is."""
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)  # type: ignore[arg-type]  # its stubs know no aio channel
    return stub.ServerReflectionInfo()


async def services(address: str) -> set[str]:
    """The services that reflection tells of."""
    async with grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
        call = reflection(channel)
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        async with asyncio.timeout(PATIENCE):
            answer = await call.read()
        assert answer is not grpc.aio.EOF, await call.code()
        return {service.name for service in answer.list_services_response.service}


async def test_reflection(alice: User) -> None:
    """A person at grpcurl needs no proto file."""
    assert await services(alice.address) == {
        "signaling.v1.SignalingService",
        "signaling.v1.CallService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }


@pytest.mark.parametrize("service_settings", [settings(reflection=False)], ids=["off"])
async def test_no_reflection(alice: User) -> None:
    """Where it is off it is not there; a write would race with that answer."""
    async with grpc.aio.insecure_channel(alice.address, options=CHANNEL_OPTIONS) as channel:
        assert await reflection(channel).code() is StatusCode.UNIMPLEMENTED


async def test_proxy_of_the_environment(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test's clients go straight to their service, whatever proxy is set."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        for name in ("http_proxy", "https_proxy", "grpc_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{nobody.getsockname()[1]}")
        monkeypatch.delenv("no_proxy", raising=False)

        await alice.phone.connects()
