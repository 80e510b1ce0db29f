"""Each server option by its effect: gRPC ignores a name that it does not know in silence.

Real time passes here, as little as the options can be set to; nothing is said
about how much.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from grpc import StatusCode
from signaling.v1 import signaling_pb2 as pb

from signaling_service.app import App
from signaling_service.config import SettingError, Settings
from tests.devices import PATIENCE, User, answered_call
from tests.transport.http2 import (
    MAX_CONCURRENT_STREAMS,
    MAX_HEADER_LIST_SIZE,
    PREFACE,
    REFUSED_STREAM,
    Http2,
    Kind,
)
from tests.transport.proxy import Proxy
from tests.transport.settings import limited

CAROLS_PHONE = (("user-id", "carol"), ("device-id", "phone"))
HELLO = pb.ConnectRequest(hello=pb.Hello())


@pytest.fixture
async def proxy(app: App) -> AsyncIterator[Proxy]:
    """A way to the service that can freeze."""
    proxy = Proxy(app.address)
    await proxy.start()
    yield proxy
    await proxy.close()


@limited(keepalive_seconds=1, keepalive_timeout_seconds=1)
async def test_keepalive_finds_a_dead_peer(bob: User, proxy: Proxy) -> None:
    """No FIN, no RST: a device that is silently gone is found by its pings."""
    alice = User("alice", proxy.address)
    await answered_call(alice, bob)

    proxy.freeze()

    await bob.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
    await alice.close()


@limited(keepalive_seconds=0.5, keepalive_timeout_seconds=0.5)
async def test_keepalive_finds_a_device_that_falls_silent(
    alice: User, bob: User, http2: Callable[[], Http2]
) -> None:
    """It answered pings for a while, then nothing more."""
    await answered_call(alice, bob)
    await bob.phone.half_closes()
    await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
    hello = pb.Hello(session_id=bob.phone.welcome.session_id)
    connection = http2()
    await connection.open()
    connection.request(1, bob.phone.identity)
    connection.send(1, pb.ConnectRequest(hello=hello, ack=bob.phone.received))
    await alice.phone.hears_progress(pb.PROGRESS_KIND_BACK)
    for _ in range(2):
        await connection.hears(Kind.PING)  # and answers it

    # it reads no more

    await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)


@limited(keepalive_seconds=0.5, keepalive_timeout_seconds=0.5)
async def test_keepalive_spares_an_idle_connection(http2: Callable[[], Http2]) -> None:
    """Pings come although there is no stream, and whoever answers them stays."""
    connection = http2()
    await connection.open()

    for _ in range(3):
        await connection.hears(Kind.PING)  # and answers it


@limited(client_ping_seconds=0.4)
async def test_client_may_ping(http2: Callable[[], Http2]) -> None:
    """As often as it is told it may, also without a stream."""
    connection = http2()
    await connection.open()

    for _ in range(6):
        connection.ping()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connection.hears(Kind.GOAWAY), 0.4)


async def test_client_must_not_flood_with_pings(http2: Callable[[], Http2]) -> None:
    """Too many, and its connection is closed."""
    connection = http2()
    await connection.open()

    for _ in range(10):
        connection.ping()

    await connection.is_closed()


@limited(streams_per_connection=3)
async def test_streams_of_a_connection(http2: Callable[[], Http2]) -> None:
    """It is told how many, and what is above is refused; the others are served."""
    connection = http2()
    await connection.open()
    assert connection.settings[MAX_CONCURRENT_STREAMS] == 3

    for number in range(4):
        stream = 2 * number + 1
        connection.request(stream, (("user-id", "carol"), ("device-id", f"device{number}")))
        connection.send(stream, HELLO)

    assert await connection.hears(Kind.RST_STREAM, 7) == REFUSED_STREAM.to_bytes(4, "big")
    connection.reset(1)
    connection.request(9, (("user-id", "carol"), ("device-id", "device9")))
    connection.send(9, HELLO)
    await connection.hears(Kind.DATA, 9)


@limited(connections=3)
async def test_connections_of_a_node(http2: Callable[[], Http2]) -> None:
    """What is above is closed at once; who leaves makes room."""
    first, *others = [http2() for _ in range(3)]
    for connection in (first, *others):
        await connection.open()
    refused = http2()
    await refused.open_tcp()
    await refused.is_closed()
    for connection in (first, *others):
        connection.ping()
        await connection.hears_pong()

    await first.close()

    async with asyncio.timeout(PATIENCE):
        while True:
            connection = http2()
            await connection.open_tcp()
            connection.write(PREFACE)
            if await connection.next() is not None:
                break


@limited(connection_idle_seconds=0.5)
async def test_connections_without_an_rpc(http2: Callable[[], Http2]) -> None:
    """They are closed, unless they have a stream."""
    busy, idle = http2(), http2()
    await busy.open()
    busy.request(1, CAROLS_PHONE)
    busy.send(1, HELLO)
    await busy.hears(Kind.DATA, 1)
    await idle.open()

    await idle.is_closed()

    busy.ping()
    await busy.hears_pong()


async def test_silent_connections(http2: Callable[[], Http2]) -> None:
    """Whoever says nothing, or never takes notice of what was said, is let go. Takes 5 s."""
    silent, half_a_hello, deaf = http2(), http2(), http2()
    await silent.open_tcp()
    await half_a_hello.open_tcp()
    half_a_hello.write(b"PRI * HTTP/2.0\r\n")
    await deaf.open(acknowledges=False)

    await asyncio.gather(*[one.is_closed() for one in (silent, half_a_hello, deaf)])


@limited(connection_age_seconds=0.5, stuck_write_seconds=0.5)
async def test_connection_age(alice: User) -> None:
    """The last resort: a connection ends, and its device comes back."""
    await alice.phone.connects()

    code, _ = await alice.phone.is_ended()

    assert code is StatusCode.UNAVAILABLE
    assert (await alice.phone.resumes()).resumed


@limited(message_bytes=1000)
async def test_message_size(alice: User) -> None:
    """It is what the settings say, not gRPC's 4 MiB."""
    await alice.phone.connects()

    await alice.phone.sends(call="call", app_message=pb.AppMessage(body=b"x" * 1000))

    assert (await alice.phone.is_ended())[0] is StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("size", [9_000, 20_000, 100_000])
async def test_metadata_size(alice: User, size: int) -> None:
    """A token of 20 KB is no token."""
    await alice.phone.opens((*alice.phone.identity, ("authorization", "x" * size)))

    assert (await alice.phone.is_ended())[0] is StatusCode.RESOURCE_EXHAUSTED


async def test_metadata_within_the_limit(alice: User) -> None:
    """The most there may be is let through."""
    await alice.phone.opens((*alice.phone.identity, ("authorization", "x" * 7_500)))
    await alice.phone.sends(hello=pb.Hello(), seq=0)

    await alice.phone.hears("welcome")


async def test_metadata_limit_is_told(http2: Callable[[], Http2]) -> None:
    """So that a client need not try."""
    connection = http2()
    await connection.open()

    assert connection.settings[MAX_HEADER_LIST_SIZE] == 8192


async def test_metadata_of_a_deaf_client(http2: Callable[[], Http2]) -> None:
    """Who never acknowledged the limit is held to it all the same."""
    connection = http2()
    await connection.open(acknowledges=False)

    connection.request(1, (*CAROLS_PHONE, ("authorization", "x" * 9_000)))

    _, status = await connection.reads_all(1)
    assert status == StatusCode.RESOURCE_EXHAUSTED.value[0]


async def test_port_is_not_shared(app: App) -> None:
    """A second service on the same port fails; it does not take half of the devices."""
    second = App(Settings(listen=app.address))

    with pytest.raises(SettingError, match=r"--listen .* cannot listen on"):
        async with asyncio.timeout(PATIENCE):
            await second.__aenter__()
