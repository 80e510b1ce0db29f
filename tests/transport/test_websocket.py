"""What is a WebSocket's own: the upgrade, credentials in it, frames, and how it ends."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from grpc import StatusCode
from hypothesis import given
from hypothesis import strategies as st
from signaling.v1 import signaling_pb2 as pb
from structlog.testing import capture_logs
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from signaling_service import parts
from signaling_service.app import App
from signaling_service.config import SettingError, Settings
from signaling_service.limits import LimitSettings
from signaling_service.transport import errors, websocket_line
from signaling_service.transport.websocket_codes import close_code
from signaling_service.transport.websocket_visitor import is_welcome, metadata_of
from tests.clock import ManualClock
from tests.devices import PATIENCE, User, answered_call
from tests.shared import TWO_NODES
from tests.tokens import AUDIENCE, ISSUER, Issuer
from tests.transport.settings import settings
from tests.wires import CODES, NORMAL, TOO_BIG

HELLO = pb.ConnectRequest(hello=pb.Hello()).SerializeToString()
ALICE = ["signaling.v1", "user-id.alice", "device-id.phone"]


@pytest.fixture
def over_web() -> bool:
    """Every device comes over WebSocket."""
    return True


@pytest.fixture
def url(app: App) -> str:
    """Where WebSocket clients come."""
    return f"ws://{app.websocket_address}/any/path?at=all"


def client(url: str, subprotocols: Any = None, **options: Any) -> connect:
    """A client as a browser is one, or any other."""
    return connect(url, subprotocols=subprotocols, proxy=None, max_size=None, **options)


async def welcome(socket: ClientConnection) -> pb.Welcome:
    """Say hello, and be welcome."""
    await socket.send(HELLO)
    response = pb.ConnectResponse.FromString(await socket.recv(decode=False))
    assert response.WhichOneof("payload") == "welcome", response
    return response.welcome


def ended(socket: ClientConnection) -> tuple[StatusCode, str]:
    """The status that a close code stands for."""
    code, reason = socket.close_code or 0, socket.close_reason or ""
    if code == TOO_BIG:
        return StatusCode.RESOURCE_EXHAUSTED, reason
    return (StatusCode.OK if code in NORMAL else CODES[code - 4000]), reason


async def end(socket: ClientConnection) -> tuple[StatusCode, str]:
    """How the service closes."""
    async with asyncio.timeout(PATIENCE):
        try:
            while True:
                await socket.recv()
        except ConnectionClosed:
            return ended(socket)


async def test_browser(url: str) -> None:
    """It says who it is by what it can set, and gets the subprotocol that it asked for first."""
    async with client(url, ALICE, origin="http://localhost:5173") as socket:
        assert socket.subprotocol == "signaling.v1"
        await welcome(socket)


async def test_percent_encoded_names(url: str) -> None:
    """A name may have whatever an id may."""
    offered = ["signaling.v1", "user-id.a%20b", "device-id.phone"]
    async with client(url, offered) as socket:
        assert (await end(socket))[0] is StatusCode.UNAUTHENTICATED
    offered = ["signaling.v1", "user-id.J%C3%BCrgen%40home%28x%29", "device-id.phone"]
    with capture_logs() as logs:
        async with client(url, offered) as socket:
            await welcome(socket)
    assert [line["user_id"] for line in logs if line["event"] == "session_opened"] == [
        "Jürgen@home(x)"
    ]


@pytest.mark.parametrize(
    "offered",
    [
        None,
        ["signaling.v1"],
        ["signaling.v1", "user-id.alice"],
        [*ALICE, "user-id.bob"],
        [*ALICE, "user-id.alice"],
        ["signaling.v1", "user-id.%zz", "device-id.phone"],
        ["signaling.v1", "user-id.%ff", "device-id.phone"],
        ["signaling.v1", "user-id.", "device-id.phone"],
    ],
)
async def test_no_good_names(url: str, offered: Any) -> None:
    """Nobody comes in, and a page can read why."""
    async with client(url, offered) as socket:
        assert await end(socket) == (
            StatusCode.UNAUTHENTICATED,
            "user-id and device-id are needed",
        )
        assert socket.close_code == 4016


async def test_headers_count_first(url: str) -> None:
    """Who sets headers is not looked for elsewhere."""
    headers = {"user-id": "bob"}
    async with client(url, ALICE, additional_headers=headers) as socket:
        assert (await end(socket))[0] is StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1.evil.com", "http://[", "", "//"]
)
async def test_page_of_somebody_else(url: str, origin: str) -> None:
    """Without a list pages on loopback alone may connect."""
    with pytest.raises(InvalidStatus) as refused:
        async with client(url, ALICE, origin=origin):
            pass
    assert refused.value.response.status_code == 403


async def test_listed_origins(clock: ManualClock) -> None:
    """With a list those on it may, and no others; who is no browser comes in."""
    allowed = "https://app.example"
    listening = settings(websocket_listen="127.0.0.1:0", websocket_origin=(allowed,))
    async with App(listening, clock) as app:
        url = f"ws://{app.websocket_address}"
        for origin in (allowed, None):
            async with client(url, ALICE, origin=origin) as socket:
                await welcome(socket)
        with pytest.raises(InvalidStatus):
            async with client(url, ALICE, origin="http://localhost"):
                pass


async def test_text_frame(url: str) -> None:
    """Ends the stream."""
    async with client(url, ALICE) as socket:
        await welcome(socket)
        await socket.send("hello")
        assert await end(socket) == (StatusCode.INVALID_ARGUMENT, "a frame is binary")


async def test_fragmented_message(url: str) -> None:
    """Is one message; a ping in between is answered."""
    async with client(url, ALICE) as socket:
        await socket.send([HELLO[:1], b"", HELLO[1:]])
        await socket.recv()
        await (await socket.ping())


@pytest.mark.parametrize("message", [b"x" * 65_537, [b"x" * 40_000, b"x" * 40_000]])
async def test_message_too_large(url: str, message: Any) -> None:
    """Is refused by its size, in one piece or several."""
    async with client(url, ALICE) as socket:
        await welcome(socket)
        await socket.send(message)
        assert (await end(socket))[0] is StatusCode.RESOURCE_EXHAUSTED
        assert socket.close_code == 1009


async def test_too_many_fragments(url: str) -> None:
    """Empty ones are no way around the size."""
    async with client(url, ALICE) as socket:
        await welcome(socket)
        await socket.send([b""] * 2000)
        assert (await end(socket))[0] is StatusCode.RESOURCE_EXHAUSTED


async def test_flood_of_pings(url: str, alice: User, bob: User) -> None:
    """Ends, while two people talk on."""
    call = await answered_call(alice, bob)
    async with client(url, ["signaling.v1", "user-id.mallory", "device-id.x"]) as socket:
        await welcome(socket)
        for _ in range(200):
            await socket.ping()
        assert (await end(socket))[0] is StatusCode.RESOURCE_EXHAUSTED
    await alice.phone.trickles(call, 1)
    assert await bob.phone.hears_candidates(1) == [1]


async def test_goodbye_comes_after_what_was_said(alice: User, bob: User) -> None:
    """What a page sends as it is closed is served."""
    call = await answered_call(alice, bob)

    await alice.phone.hangs_up(call)
    await alice.phone.half_closes()

    await bob.phone.hears_end(pb.END_REASON_HANGUP)


@pytest.mark.parametrize("is_web_first", [True, False])
async def test_resume_over_the_other_transport(app: App, bob: User, *, is_web_first: bool) -> None:
    """A session is of a device, not of a connection: nothing is missed on the way."""
    addresses = [f"ws://{app.websocket_address}/", app.address]
    here, there = (User("alice", each) for each in (addresses if is_web_first else addresses[::-1]))
    call = await answered_call(bob, here)
    await here.phone.drops()
    await bob.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
    await bob.phone.trickles(call, 7)
    there.phone.welcome, there.phone.seq = here.phone.welcome, here.phone.seq
    there.phone.received = here.phone.received

    assert (await there.phone.resumes()).resumed
    assert await there.phone.hears_candidates(1) == [7]
    await bob.phone.hears_progress(pb.PROGRESS_KIND_BACK)
    await there.close()


@pytest.mark.parametrize("backends", [TWO_NODES], indirect=True)
async def test_call_across_nodes_and_transports(nodes: list[App]) -> None:
    """One side at one node over gRPC, the other at another one over a WebSocket."""
    here, there = nodes
    alice, bob = User("alice", here.address), User("bob", f"ws://{there.websocket_address}/")
    call = await answered_call(alice, bob)

    await bob.phone.trickles(call, 1, 2)
    assert await alice.phone.hears_candidates(2) == [1, 2]
    await alice.phone.hangs_up(call)
    await bob.phone.hears_end(pb.END_REASON_HANGUP)

    await alice.close()
    await bob.close()


async def test_more_than_there_is_room_for(alice: User, bob: User) -> None:
    """Waits in the peer, and comes in order."""
    call = await answered_call(alice, bob)

    for number in range(250):
        await alice.phone.trickles(call, number)

    assert await bob.phone.hears_candidates(250) == list(range(250))


# what no WebSocket client sends


async def answer(url: str, data: bytes) -> bytes:
    """What the service says to these bytes, until it closes."""
    host, _, port = url.removeprefix("ws://").partition("/")[0].rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(data)
        async with asyncio.timeout(PATIENCE):
            return await reader.read()
    finally:
        writer.transport.abort()


async def test_plain_http(url: str) -> None:
    """A browser that was pointed at the port is told what is missing."""
    assert (await answer(url, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")).startswith(b"HTTP/1.1 426 ")


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
async def test_another_protocol(url: str, data: bytes) -> None:
    """Is not answered."""
    assert await answer(url, data) == b""


async def test_endless_head(url: str) -> None:
    """Is read to twice the metadata that a request may have."""
    head = b"GET / HTTP/1.1\r\nx: " + b"y" * 20_000
    assert (await answer(url, head)).startswith(b"HTTP/1.1 431 ")


async def test_upgrade_that_never_ends(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is cut: a silent TCP connection is no device."""
    monkeypatch.setattr(websocket_line, "HANDSHAKE_TIMEOUT", 0.1)

    assert await answer(url, b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n") == b""


async def test_more_clients_than_may_come(clock: ManualClock) -> None:
    """The others are not answered; there is room again when one has gone."""
    limits = LimitSettings(connections=1)
    async with App(settings(limits, websocket_listen="127.0.0.1:0"), clock) as app:
        url = f"ws://{app.websocket_address}"
        async with client(url, ALICE) as socket:
            await welcome(socket)
            assert await answer(url, b"GET / HTTP/1.1\r\n\r\n") == b""
        assert (await answer(url, b"GET / HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 426 ")


def test_descriptors_are_for_both_transports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither takes the other's half."""
    monkeypatch.setattr(parts, "descriptors_left", lambda: 960)

    assert parts.bounded(Settings()).connections == 960
    assert parts.bounded(Settings(websocket_listen="127.0.0.1:0")).connections == 480


def test_documented_close_codes() -> None:
    """The page for authors of clients has each code as it is, and its status."""
    page = (Path(__file__).parents[2] / "docs" / "websocket.md").read_text()
    rows = re.findall(r"^\| (\d{4}) \| `([A-Z_]+)` \|", page, re.MULTILINE)
    ends = [each for each in vars(errors).values() if isinstance(each, errors.Status)]
    told = dict(rows)

    assert told == {str(close_code(StatusCode[name])): name for name in told.values()}
    silent = {StatusCode.CANCELLED, StatusCode.UNIMPLEMENTED}  # never on a WebSocket
    assert {each.code.name for each in ends if each.code not in silent} <= set(told.values())


@given(st.text(max_size=60))
def test_any_origin(origin: str) -> None:
    """It is one of this machine, or it is not welcome."""
    assert not is_welcome(origin, []) or any(
        each in origin.lower() for each in ("localhost", "127.", "::1", "0:1")
    )


@given(st.lists(st.text(max_size=40), max_size=6))
def test_any_subprotocols(offered: list[str]) -> None:
    """Whatever is offered, it is credentials or none; nothing breaks."""
    names = [f"{prefix}{each}" for each in offered for prefix in ("", "user-id.", "bearer.")]
    for name, value in metadata_of([], names):
        assert name in ("authorization", "user-id", "device-id")
        assert isinstance(value, str)


async def test_large_headers(url: str) -> None:
    """Count as the metadata of a request does over gRPC."""
    headers = {f"x-{number}": "y" * 1000 for number in range(9)}
    async with client(url, ALICE, additional_headers=headers) as socket:
        assert await end(socket) == (
            StatusCode.RESOURCE_EXHAUSTED,
            "request metadata: at most 8192 bytes",
        )


async def test_junk_after_the_upgrade(url: str, alice: User, bob: User) -> None:
    """Is answered with the code that WebSocket has for it; two people talk on."""
    call = await answered_call(alice, bob)
    async with client(url, ["signaling.v1", "user-id.mallory", "device-id.x"]) as socket:
        socket.transport.write(b"\xff" * 5000)
        async with asyncio.timeout(PATIENCE):
            await socket.wait_closed()
        assert socket.close_code == 1002
    await alice.phone.trickles(call, 1)
    assert await bob.phone.hears_candidates(1) == [1]


@pytest.fixture
async def hurried() -> AsyncIterator[App]:
    """A service on the machine's clock that pings soon."""
    limits = LimitSettings(keepalive_seconds=0.2, keepalive_timeout_seconds=0.2)
    listening = Settings(listen="127.0.0.1:0", websocket_listen="127.0.0.1:0", limits=limits)
    async with App(listening) as app:
        yield app


async def test_silent_peer(hurried: App) -> None:
    """Who answers no ping is cut."""
    url = f"ws://{hurried.websocket_address}"
    with capture_logs() as logs:
        async with client(url, ALICE) as socket:
            await welcome(socket)
            socket.transport.pause_reading()
            async with asyncio.timeout(PATIENCE):
                await vars(hurried)["_streams"].wait_empty()
            socket.transport.abort()
    assert [line["status"] for line in logs if line["event"] == "stream_ended"] == ["CANCELLED"]


async def test_stop_waits_for_nobody(clock: ManualClock) -> None:
    """A peer that does not answer a close frame does not hold up the node."""
    listening = settings(websocket_listen="127.0.0.1:0")
    async with App(listening, clock) as app:
        socket = await client(f"ws://{app.websocket_address}", ALICE)
        await welcome(socket)
        socket.transport.pause_reading()
    socket.transport.abort()


async def test_drain(app: App, url: str) -> None:
    """Whoever comes meanwhile is sent elsewhere."""
    async with client(url, ALICE) as socket:
        await welcome(socket)
        drain = asyncio.create_task(app.drain())
        told = pb.ConnectResponse.FromString(await socket.recv(decode=False))
        assert told.WhichOneof("payload") == "draining"
        async with client(url, ["signaling.v1", "user-id.bob", "device-id.x"]) as other:
            assert (await end(other))[0] is StatusCode.UNAVAILABLE
            assert other.close_code == 4014
    await drain


# tokens


@pytest.fixture
def issuer(clock: ManualClock) -> Issuer:
    return Issuer(now=clock.now())


@pytest.fixture
async def guarded(tmp_path: Path, issuer: Issuer, clock: ManualClock) -> AsyncIterator[str]:
    """Where a service is that takes tokens."""
    keys = str(issuer.writes(tmp_path / "keys.json"))
    names: dict[str, Any] = {"jwt_keys": keys, "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
    listening = settings(auth="jwt", websocket_listen="127.0.0.1:0", **names)
    async with App(listening, clock) as app:
        yield f"ws://{app.websocket_address}"


def refresh(token: str) -> bytes:
    """The first frame of who has no other way."""
    request = pb.ConnectRequest(refresh=pb.Refresh(access_token=token))
    return request.SerializeToString()


async def test_token_as_subprotocol(guarded: str, issuer: Issuer) -> None:
    """A JWT has no character that a subprotocol may not have."""
    token = issuer.token("alice", "phone")
    async with client(guarded, ["signaling.v1", f"bearer.{token}"]) as socket:
        assert socket.subprotocol == "signaling.v1"
        await welcome(socket)
    async with client(guarded, ["signaling.v1", "bearer.a.b.c"]) as socket:
        assert (await end(socket))[0] is StatusCode.UNAUTHENTICATED


async def test_token_in_the_first_frame(guarded: str, issuer: Issuer) -> None:
    """For whoever does not want it in the log of a proxy."""
    async with client(guarded, ["signaling.v1"]) as socket:
        await socket.send(refresh(issuer.token("alice", "phone")))
        await welcome(socket)


async def test_first_frame_without_a_token(guarded: str) -> None:
    """Nobody comes in."""
    async with client(guarded) as socket:
        await socket.send(HELLO)
        assert (await end(socket))[0] is StatusCode.UNAUTHENTICATED


async def test_no_first_frame(guarded: str, clock: ManualClock) -> None:
    """It has to come as soon as a hello."""
    async with client(guarded) as socket:
        await (await socket.ping())
        clock.advance(6)
        assert await end(socket) == (StatusCode.DEADLINE_EXCEEDED, "no hello in time")


async def test_nothing_secret_is_logged(
    guarded: str, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even where everything is."""
    for name in ("signaling_service.websockets", "websockets.server", "asyncio"):
        caplog.set_level(1, name)
    token = issuer.token("alice", "phone")
    with capture_logs() as logs:
        async with client(guarded, ["signaling.v1", f"bearer.{token}"]) as socket:
            await welcome(socket)
        async with client(guarded, ["signaling.v1", f"bearer.{token}x"]) as socket:
            await end(socket)
    assert token not in f"{logs} {[each.getMessage() for each in caplog.records]}"


async def test_address_that_is_taken(app: App, clock: ManualClock) -> None:
    """Is a setting that is wrong."""
    with pytest.raises(SettingError, match="websocket-listen"):
        async with App(settings(websocket_listen=app.websocket_address), clock):
            pass


async def test_extra_that_is_missing(monkeypatch: pytest.MonkeyPatch, clock: ManualClock) -> None:
    """Is named, and how to get it."""
    monkeypatch.setitem(__import__("sys").modules, "signaling_service.transport.websocket", None)
    with pytest.raises(SettingError, match=r"signaling-service\[websocket\]"):
        App(settings(websocket_listen="127.0.0.1:0"), clock)


def test_origin_needs_an_address() -> None:
    """A list of origins is of no use alone."""
    with pytest.raises(ValueError, match="websocket-listen"):
        Settings(websocket_origin=("https://app.example",))
