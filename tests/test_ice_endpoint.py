"""Servers and credentials of somebody else: asked for, kept fresh, and done without."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.app import App
from signaling_service.config import Settings
from signaling_service.ice_endpoint import RETRY, IceEndpoint
from tests.clock import ManualClock
from tests.devices import User

TTL = 600.0


class Vendor:
    """An HTTP endpoint that says what a test wants, and what it was asked."""

    def __init__(self) -> None:
        self.answer: object = []
        self.status = "200 OK"
        self.location = ""  # where to ask instead
        self.asked: asyncio.Queue[str] = asyncio.Queue()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        body = json.dumps(self.answer)
        writer.write(
            f"HTTP/1.0 {self.status}\r\n{self.location}"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        await writer.drain()
        writer.close()
        self.asked.put_nowait(head)


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    """A running endpoint."""
    vendor = Vendor()
    server = await asyncio.start_server(vendor.serve, "127.0.0.1", 0)
    vendor.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/ice"
    async with server:
        yield vendor


def relay(number: int) -> dict[str, str]:
    """A TURN server with the credentials of one day."""
    return {"urls": "turn:turn.example:3478", "username": f"u{number}", "credential": "c"}


@pytest.fixture
async def endpoint(vendor: Vendor, clock: ManualClock) -> AsyncIterator[IceEndpoint]:
    """A provider that has asked once."""
    vendor.answer = [{"urls": ["stun:stun.example"]}, relay(1)]
    provider = IceEndpoint(vendor.url, "s3cret", TTL, clock)
    await provider.start()
    yield provider
    await provider.close()


async def test_devices_get_what_the_endpoint_answers(
    endpoint: IceEndpoint, vendor: Vendor, clock: ManualClock
) -> None:
    """STUN servers as they are, TURN servers with the time until which they can be used."""
    stun, turn = endpoint.issue(clock.now())

    assert stun == pb.IceServer(urls=["stun:stun.example"])
    assert (list(turn.urls), turn.username) == (["turn:turn.example:3478"], "u1")
    assert turn.expire_time.seconds == clock.now() + TTL
    assert "Authorization: Bearer s3cret" in vendor.asked.get_nowait()


@pytest.mark.parametrize("key", ["iceServers", "ice_servers"])
async def test_an_object_around_the_servers_is_understood(
    endpoint: IceEndpoint, vendor: Vendor, clock: ManualClock, key: str
) -> None:
    """With a list in it, or a single server."""
    for number, servers in ((2, [relay(2)]), (3, relay(3))):
        vendor.answer = {key: servers}
        await _refreshed(endpoint, vendor, clock, f"u{number}")


async def test_credentials_are_renewed_at_half_their_life(
    endpoint: IceEndpoint, vendor: Vendor, clock: ManualClock
) -> None:
    """Whoever gets one last can still use it for the other half."""
    vendor.answer = [relay(2)]

    await _refreshed(endpoint, vendor, clock, "u2")


@pytest.mark.parametrize("answer", [{}, {"iceServers": 7}, [{"username": "u"}], "x", [[]]])
async def test_nonsense_is_asked_for_again(
    endpoint: IceEndpoint, vendor: Vendor, clock: ManualClock, answer: object
) -> None:
    """Meanwhile devices get the last good ones, as long as these work."""
    vendor.asked.get_nowait()
    vendor.answer = answer
    await clock_moves(clock, TTL / 2)
    await asyncio.wait_for(vendor.asked.get(), 10)

    assert [server.username for server in endpoint.issue(clock.now())] == ["", "u1"]
    assert [server.username for server in endpoint.issue(clock.now() + TTL)] == [""]

    vendor.answer = [relay(2)]
    await _refreshed(endpoint, vendor, clock, "u2", after=RETRY)


async def test_an_endpoint_that_speaks_no_http_is_asked_again(
    endpoint: IceEndpoint, vendor: Vendor, clock: ManualClock
) -> None:
    """What a proxy between may answer stops nothing."""
    vendor.asked.get_nowait()
    vendor.status = "5 what"
    await clock_moves(clock, TTL / 2)
    await asyncio.wait_for(vendor.asked.get(), 10)

    vendor.status, vendor.answer = "200 OK", [relay(2)]
    await _refreshed(endpoint, vendor, clock, "u2", after=RETRY)


@pytest.mark.usefixtures("endpoint")
async def test_a_redirect_does_not_take_the_token_along(vendor: Vendor, clock: ManualClock) -> None:
    """It is for the endpoint, and for nobody whom that names."""
    assert "Authorization: Bearer s3cret" in vendor.asked.get_nowait()
    elsewhere = Vendor()
    elsewhere.answer = [relay(2)]
    server = await asyncio.start_server(elsewhere.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    vendor.status, vendor.location = "302 Found", f"Location: http://127.0.0.1:{port}/\r\n"
    async with server:
        await clock_moves(clock, TTL / 2)
        asked = await asyncio.wait_for(elsewhere.asked.get(), 10)

    assert "Authorization" not in asked


async def test_devices_of_a_service_get_them(vendor: Vendor, clock: ManualClock) -> None:
    """In the welcome."""
    vendor.answer = [relay(1)]
    settings = Settings(listen="127.0.0.1:0", ice_endpoint=vendor.url, turn_ttl=TTL)
    async with App(settings, clock) as app:
        phone = User("alice", app.address).phone

        welcome = await phone.connects()

        assert [server.username for server in welcome.ice_servers] == ["u1"]
        await phone.drops()


async def _refreshed(
    endpoint: IceEndpoint,
    vendor: Vendor,
    clock: ManualClock,
    username: str,
    after: float = TTL / 2,
) -> None:
    """Let time pass until the endpoint is asked again, and its answer is there."""
    while not vendor.asked.empty():
        vendor.asked.get_nowait()
    await clock_moves(clock, after)
    async with asyncio.timeout(10):
        while [server.username for server in endpoint.issue(clock.now())][-1:] != [username]:
            await vendor.asked.get()
            await clock_moves(clock, 0)


async def clock_moves(clock: ManualClock, seconds: float) -> None:
    """Move the clock once the provider waits for it."""
    async with asyncio.timeout(10):
        while clock.next_at is None:
            await asyncio.to_thread(lambda: None)
    clock.advance(seconds)
