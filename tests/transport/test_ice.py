"""STUN and TURN servers: credentials that are fresh whenever a device needs them."""

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence
from pathlib import Path

import grpc
import pytest
from signaling.v1 import signaling_pb2 as pb
from signaling.v1 import signaling_pb2_grpc

from signaling_service.config import Settings
from signaling_service.ice import TurnRest
from tests import canaries
from tests.clock import ManualClock
from tests.devices import CHANNEL_OPTIONS, User, answered_call
from tests.transport.settings import settings

SECRET = b"north-remembers"
STUN, TURN, TURNS = "stun:stun.example", "turn:turn.example", "turns:turn.example?transport=tcp"


@pytest.fixture
def service_settings(tmp_path: Path) -> Settings:
    """A service with relays, whose secret file ends with a newline, as editors have it."""
    file = tmp_path / "turn.secret"
    file.write_bytes(SECRET + b"\n")
    canaries.plant(SECRET.decode())
    return settings(turn_url=(STUN, TURN, TURNS), turn_secret_file=file, turn_ttl=3600)


def are_valid(servers: Sequence[pb.IceServer], now: float) -> str:
    """The servers are the configured ones, good for an hour from `now`; returns the username."""
    stun, turn = servers
    assert stun == pb.IceServer(urls=[STUN])
    assert turn.urls == [TURN, TURNS]
    expiry, _, opaque = turn.username.partition(":")
    assert int(expiry) == turn.expire_time.seconds == int(now) + 3600
    mac = hmac.new(SECRET, turn.username.encode(), hashlib.sha1).digest()
    assert turn.credential == base64.b64encode(mac).decode()
    assert len(opaque) >= 8
    return turn.username


async def test_welcome_has_credentials(alice: User, clock: ManualClock) -> None:
    """They can be checked with the shared secret alone, and tell nobody whose they are."""
    first = are_valid((await alice.phone.connects()).ice_servers, clock.now())
    second = are_valid((await alice.phone.connects()).ice_servers, clock.now())

    assert first != second
    assert "alice" not in first


async def test_resumed_session_has_fresh_credentials(alice: User, clock: ManualClock) -> None:
    """The old ones may have run out meanwhile."""
    await alice.phone.connects()
    await alice.phone.half_closes()
    clock.advance(100)

    are_valid((await alice.phone.resumes()).ice_servers, clock.now())


async def test_get_ice_servers(alice: User, clock: ManualClock) -> None:
    """Credentials on demand, without a stream."""
    async with grpc.aio.insecure_channel(alice.address, options=CHANNEL_OPTIONS) as channel:
        stub = signaling_pb2_grpc.SignalingServiceStub(channel)

        response = await stub.GetIceServers(
            pb.GetIceServersRequest(), metadata=alice.phone.identity
        )

    are_valid(response.servers, clock.now())


async def test_fresh_credentials_are_pushed(alice: User, clock: ManualClock) -> None:
    """Before the last ones expire, to whoever is connected; unnumbered."""
    await alice.connect("phone", "tablet")
    clock.advance(2699)
    await alice.phone.hears_nothing()

    clock.advance(1)

    for device in (alice.phone, alice.tablet):
        pushed = await device.hears("ice_servers")
        assert pushed.seq == 0
        are_valid(pushed.ice_servers.servers, clock.now())


async def test_credentials_never_run_out(alice: User, clock: ManualClock) -> None:
    """Whenever a device came: the next ones are there before the last ones expire."""
    await alice.phone.connects()
    clock.advance(2000)
    expire_time = (await alice.tablet.connects()).ice_servers[1].expire_time.seconds

    for _ in range(4):
        clock.advance(2700)
        fresh = (await alice.tablet.hears("ice_servers")).ice_servers.servers[1].expire_time
        issued_at = fresh.seconds - 3600
        assert issued_at < expire_time
        expire_time = fresh.seconds


async def test_nothing_is_pushed_before_the_welcome(alice: User, clock: ManualClock) -> None:
    """A stream that has not said hello hears nothing until it has."""
    await alice.tablet.connects()
    clock.advance(2698)
    await alice.phone.opens()
    await alice.phone.is_noticed()

    clock.advance(2)
    await alice.tablet.hears("ice_servers")
    await alice.phone.sends(hello=pb.Hello(), seq=0)

    are_valid((await alice.phone.hears("welcome")).welcome.ice_servers, clock.now())


async def test_reconnect_has_fresh_credentials(alice: User, bob: User, clock: ManualClock) -> None:
    """A failed call tries any path again, then relays alone; also on the copy that comes late."""
    call = await answered_call(alice, bob)
    clock.advance(1000)
    await alice.phone.reports(call, pb.PEER_CONNECTION_STATE_FAILED)

    advice = (await alice.phone.hears("reconnect")).reconnect
    assert (advice.attempt, advice.transport_policy) == (1, pb.TRANSPORT_POLICY_ALL)
    are_valid(advice.ice_servers, clock.now())
    await bob.phone.hears("connection_state")
    await bob.phone.hears("reconnect")

    await alice.phone.offers(call=call)
    await bob.phone.hears("offer")
    await bob.phone.answers(call)
    await alice.phone.hears("answer")
    await bob.phone.half_closes()
    await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
    await alice.phone.reports(call, pb.PEER_CONNECTION_STATE_FAILED)
    advice = (await alice.phone.hears("reconnect")).reconnect
    assert (advice.attempt, advice.transport_policy) == (2, pb.TRANSPORT_POLICY_RELAY)

    clock.advance(60)
    await bob.phone.resumes()
    await bob.phone.hears("connection_state")
    advice = (await bob.phone.hears("reconnect")).reconnect
    assert (advice.attempt, advice.transport_policy) == (2, pb.TRANSPORT_POLICY_RELAY)
    are_valid(advice.ice_servers, clock.now())


@pytest.mark.parametrize("service_settings", [settings(turn_url=(STUN,))], ids=["stun"])
async def test_no_relays(alice: User, bob: User, clock: ManualClock) -> None:
    """STUN servers need no credentials; without relays nobody is told to use them."""
    call = await answered_call(alice, bob)
    assert list(alice.phone.welcome.ice_servers) == [pb.IceServer(urls=[STUN])]
    for attempt in (1, 2):
        await alice.phone.reports(call, pb.PEER_CONNECTION_STATE_FAILED)
        advice = (await alice.phone.hears("reconnect")).reconnect
        assert advice == pb.Reconnect(
            role=pb.RECONNECT_ROLE_OFFER,
            attempt=attempt,
            transport_policy=pb.TRANSPORT_POLICY_ALL,
            ice_servers=[pb.IceServer(urls=[STUN])],
        )
        for kind in ("connection_state", "reconnect"):
            await bob.phone.hears(kind)
        await alice.phone.offers(call=call)
        await bob.phone.hears("offer")
        await bob.phone.answers(call)
        await alice.phone.hears("answer")
    clock.advance(10_000)
    await alice.phone.hears("ended")
    await alice.phone.hears_nothing()


def test_secret_is_rotated_without_a_restart(tmp_path: Path) -> None:
    """The file is read again when it has changed; while it is unreadable the last one counts."""
    file = tmp_path / "secret"
    file.write_bytes(b"old\n")
    provider = TurnRest(["turn:turn.example"], file)

    def signs(secret: bytes) -> bool:
        (server,) = provider.issue(1000.0)
        mac = hmac.new(secret, server.username.encode(), hashlib.sha1).digest()
        return server.credential == base64.b64encode(mac).decode()

    assert signs(b"old")
    file.write_bytes(b"new secret\n")
    os.utime(file, ns=(1, 1))
    assert signs(b"new secret")
    file.unlink()
    assert signs(b"new secret")
    file.write_bytes(b"")
    assert signs(b"new secret")
