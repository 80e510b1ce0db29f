"""How a client stays connected, and when it stays away."""

import asyncio
from collections.abc import Awaitable, Callable

import grpc
import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.app import App
from signaling_service.client import (
    AppMessage,
    Cause,
    Client,
    ClientError,
    ClosedError,
    Connected,
    ContractError,
    Disconnected,
    IceServers,
    Lost,
    PermissionDeniedError,
    Refused,
    ReplacedError,
    UnauthenticatedError,
    UnreadError,
    identity,
)
from signaling_service.client.client import MAX_UNREAD
from signaling_service.client.errors import FINAL
from tests.devices import PATIENCE, sdp

from .people import Waits, all_of, connected, device, next_of, until
from .scripted import Streamed
from .scripted import service as scripted

BROKEN = grpc.StatusCode.UNAVAILABLE
TURN = pb.IceServer(urls=["turn:turn.example"], username="u", credential="c")


async def welcome_and_stay(stream: Streamed) -> None:
    await stream.welcomes()
    await stream.stays()


async def resume_and_stay(stream: Streamed) -> None:
    await stream.welcomes(resumed=True)
    await stream.stays()


def ending(code: grpc.StatusCode, detail: str = "") -> Callable[[Streamed], Awaitable[None]]:
    """A stream that ends before its welcome."""

    async def script(stream: Streamed) -> None:
        stream.ends(code, detail)

    return script


async def end_of(client: Client) -> None:
    """Read a client's events to their end."""
    async with asyncio.timeout(PATIENCE):
        async for _event in client:
            pass


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (grpc.StatusCode.ABORTED, ReplacedError),
        (grpc.StatusCode.UNAUTHENTICATED, UnauthenticatedError),
        (grpc.StatusCode.PERMISSION_DENIED, PermissionDeniedError),
        (grpc.StatusCode.INVALID_ARGUMENT, ContractError),
        (grpc.StatusCode.FAILED_PRECONDITION, ContractError),
    ],
)
async def test_it_stops_where_coming_again_changes_nothing(
    code: grpc.StatusCode, error: type[ClientError]
) -> None:
    """Whoever iterates, waits or calls is told; there is no second stream."""
    async with scripted(ending(code, "a fixed text")) as address, device(address, "alice") as alice:
        call = alice.call("bob", sdp())
        with pytest.raises(error, match=f"{code.name}: a fixed text"):
            await alice.ready()
        with pytest.raises(error):
            await end_of(alice)
        with pytest.raises(ClosedError):
            alice.call("bob", sdp())

    assert await all_of(call) == [Lost(Cause.CLOSED)]


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code not in FINAL])
async def test_it_comes_again_after_any_other_status(code: grpc.StatusCode) -> None:
    """With a wait; OK without asking is a drop too."""
    async with (
        scripted(ending(code), welcome_and_stay) as address,
        device(address, "alice") as alice,
    ):
        lost, back = await next_of(alice), await next_of(alice)

    assert isinstance(lost, Disconnected)
    assert lost.code is code
    assert isinstance(back, Connected)


async def test_waits_grow_until_a_welcome() -> None:
    """Full jitter: the bound doubles with every failure in a row, and begins anew."""
    waits = Waits()
    down = ending(BROKEN)

    async def welcome_and_break(stream: Streamed) -> None:
        await stream.welcomes()
        stream.ends(BROKEN)

    scripts = (down, down, down, welcome_and_break, down, resume_and_stay)
    async with scripted(*scripts) as address, device(address, "alice", waits.timing) as alice:
        for _ in range(2):
            await until(alice, Connected)

    assert waits.seconds == [0.5, 1.0, 2.0, 0.5, 1.0]


async def test_only_the_newest_failure_waits_to_be_read() -> None:
    """An app that looks after an hour without network reads one event of it."""
    waits = Waits()
    async with (
        scripted(*[ending(BROKEN)] * 5, welcome_and_stay) as address,
        device(address, "alice", waits.timing) as alice,
    ):
        await alice.ready()
        events = [await next_of(alice) for _ in range(2)]

    assert [type(event) for event in events] == [Disconnected, Connected]


async def test_the_status_is_seen_through_a_write_in_flight() -> None:
    """A device that is replaced while it sends stays away, every time."""

    async def abort_in_the_middle(stream: Streamed) -> None:
        await stream.welcomes()
        for _ in range(20):
            await stream.hears()
        stream.ends(grpc.StatusCode.ABORTED, "replaced by a newer connection")

    for _ in range(20):
        async with scripted(abort_in_the_middle) as address, device(address, "alice") as alice:
            call = alice.call("bob", sdp())
            for number in range(500):
                call.send(AppMessage(b"%d" % number))
            with pytest.raises(ReplacedError):
                await end_of(alice)


async def test_the_newest_connection_of_a_device_wins(service: App) -> None:
    """The older client stops, with the reason; the newer one lives."""
    async with device(service.address, "alice") as older:
        await until(older, Connected)
        async with connected(device(service.address, "alice")):
            with pytest.raises(ReplacedError, match="newer"):
                await end_of(older)


async def test_without_an_identity_it_stops(service: App) -> None:
    """The service's word is in the error."""
    async with Client(service.address, lambda: ()) as nobody:
        with pytest.raises(UnauthenticatedError):
            await nobody.ready()


async def test_credentials_are_asked_for_before_every_connection() -> None:
    """By a coroutine function too; an OSError of theirs is a drop, as without a network."""
    asked = 0

    async def fetch() -> tuple[tuple[str, str], ...]:
        nonlocal asked
        asked += 1
        if asked == 2:
            raise ConnectionError("no network")
        return (("user-id", "alice"),)

    waits = Waits()
    async with (
        scripted(ending(BROKEN), welcome_and_stay) as address,
        Client(address, fetch, timing=waits.timing) as alice,
    ):
        await alice.ready()

    assert asked == 3


async def test_an_error_of_the_credentials_reaches_the_app() -> None:
    """Anything else that they raise ends the client."""

    def fetch() -> tuple[tuple[str, str], ...]:
        raise LookupError("no such account")

    async with Client("127.0.0.1:1", fetch) as alice:
        with pytest.raises(LookupError):
            await end_of(alice)


async def test_ice_servers_are_the_newest() -> None:
    """From the welcome, and pushed before they expire."""

    async def push(stream: Streamed) -> None:
        await stream.welcomes(ice_servers=[TURN])
        await stream.hears()
        await stream.says(ice_servers=pb.IceServers(servers=[TURN, TURN]))
        await stream.stays()

    async with scripted(push) as address, device(address, "alice") as alice:
        await alice.ready()
        first = alice.ice_servers
        alice.refresh("a token")
        pushed = await until(alice, IceServers)

    assert first == (TURN,)
    assert pushed.servers == alice.ice_servers == (TURN, TURN)


async def test_a_refresh_that_is_refused_is_news(service: App) -> None:
    """It concerns no call."""
    async with device(service.address, "alice") as alice:
        alice.refresh("a token")
        refused = await until(alice, Refused)

    assert (refused.request, refused.code) == ("refresh", pb.ERROR_CODE_NOT_ALLOWED)


async def test_an_app_that_reads_no_events_is_told_so() -> None:
    """Full is an end: the client stops, and says why."""
    left: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def call_often(stream: Streamed) -> None:
        await stream.welcomes()
        for number in range(MAX_UNREAD):
            await stream.says(
                number + 1, call=f"call-{number}", offer=pb.SdpOffer(sdp=sdp(), negotiation=1)
            )
        await stream.stays()
        left.set_result(None)

    async with scripted(call_often) as address, device(address, "alice") as alice:
        await alice.ready()
        await asyncio.wait_for(left, PATIENCE)
        with pytest.raises(UnreadError):
            await end_of(alice)


async def test_an_observer_sees_what_goes_over_the_wire(service: App) -> None:
    """Both directions, as written and read."""
    seen: list[str] = []

    def observe(message: pb.ConnectRequest | pb.ConnectResponse) -> None:
        seen.append(f"{type(message).__name__} {message.WhichOneof('payload')}")

    async with Client(service.address, identity("alice", "phone"), observe=observe) as alice:
        await alice.ready()

    assert seen[:2] == ["ConnectRequest hello", "ConnectResponse welcome"]
