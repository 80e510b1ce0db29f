"""Tokens on the wire: who comes in, until when, and how credentials are renewed in the stream."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from grpc import StatusCode
from signaling.v1 import signaling_pb2 as pb
from signaling.v1 import signaling_pb2_grpc

from signaling_service.app import App
from signaling_service.config import Settings
from signaling_service.transport.credentials import EXPIRY_GRACE
from tests.clock import ManualClock
from tests.devices import Device, User, answered_call, channel_to
from tests.shared import over_both
from tests.tokens import AUDIENCE, ISSUER, Issuer
from tests.transport.settings import settings


@pytest.fixture
def issuer(clock: ManualClock) -> Issuer:
    return Issuer(now=clock.now())


@pytest.fixture
def service_settings(tmp_path: Path, issuer: Issuer) -> Settings:
    """A service that takes tokens."""
    keys = str(issuer.writes(tmp_path / "keys.json"))
    return settings(auth="jwt", jwt_keys=keys, jwt_issuer=ISSUER, jwt_audience=AUDIENCE)


@pytest.fixture
def alice(person: Callable[[str], User], issuer: Issuer) -> User:
    return with_tokens(person("alice"), issuer)


@pytest.fixture
def bob(person: Callable[[str], User], issuer: Issuer) -> User:
    return with_tokens(person("bob"), issuer)


def with_tokens(user: User, issuer: Issuer) -> User:
    """Let the devices of a user have tokens."""
    for device_id in ("phone", "tablet"):
        getattr(user, device_id).token = issuer.token(user.user_id, device_id)
    return user


async def refused(device: Device) -> tuple[StatusCode, str]:
    """How the service ends the stream of a device that may not come in."""
    await device.opens()
    return await device.is_ended()


@over_both
async def test_call(alice: User, bob: User) -> None:
    """Two people who have tokens call each other, as whom the tokens name them."""
    await alice.phone.connects()
    await bob.phone.connects()
    await alice.phone.offers(bob)

    offer = await bob.phone.hears("offer")

    assert offer.sender == alice.phone.message


async def test_identity_is_the_tokens(alice: User, bob: User) -> None:
    """Whatever else is said."""
    await bob.phone.connects()
    await alice.phone.opens((*alice.phone.identity, ("user-id", "bob"), ("device-id", "laptop")))
    await alice.phone.sends(hello=pb.Hello(), seq=0)
    await alice.phone.hears("welcome")
    await alice.phone.offers(bob)

    assert (await bob.phone.hears("offer")).sender == alice.phone.message


@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        ((), "authorization: one bearer token is needed"),
        (
            (("user-id", "alice"), ("device-id", "phone")),
            "authorization: one bearer token is needed",
        ),
        ((("authorization", "Bearer a"),) * 2, "authorization: one bearer token is needed"),
        ((("authorization", "Basic YTpi"),), "authorization: is no bearer token"),
        ((("authorization", ""),), "authorization: is no bearer token"),
        ((("authorization", "Bearer nonsense"),), "token: is not a JWT"),
    ],
)
async def test_nobody_comes_in_without(
    alice: User, metadata: tuple[tuple[str, str], ...], text: str
) -> None:
    """UNAUTHENTICATED, before any work, and what is wrong."""
    await alice.phone.opens(metadata)

    assert await alice.phone.is_ended() == (StatusCode.UNAUTHENTICATED, text)


async def test_services_have_no_stream(alice: User, issuer: Issuer) -> None:
    """They may ask for servers, and are no device."""
    alice.phone.token = issuer.token("push", "", role="service", device_id=None)

    code, text = await refused(alice.phone)

    assert (code, text) == (StatusCode.PERMISSION_DENIED, "only a device may open this stream")
    async with channel_to(alice.address) as channel:
        stub = signaling_pb2_grpc.SignalingServiceStub(channel)
        await stub.GetIceServers(pb.GetIceServersRequest(), metadata=alice.phone.identity)


async def test_token_runs_out(alice: User, bob: User, clock: ManualClock) -> None:
    """Half a minute after its expiry the stream ends; with a new token the session goes on."""
    issuer_now = clock.now()
    await answered_call(alice, bob)
    clock.advance(3600 + EXPIRY_GRACE - 1)
    await alice.phone.hears_nothing()

    clock.advance(1)

    assert await alice.phone.is_ended() == (
        StatusCode.UNAUTHENTICATED,
        "the token has expired",
    )
    assert await refused(alice.tablet) == (StatusCode.UNAUTHENTICATED, "token: exp is over")
    assert clock.now() == issuer_now + 3600 + EXPIRY_GRACE


async def test_refresh(alice: User, issuer: Issuer, clock: ManualClock) -> None:
    """A new token in the stream: it goes on beyond the old one's end, and ends with the new one."""
    await alice.phone.connects()
    longer = issuer.token("alice", "phone", exp=clock.now() + 7200)
    await alice.phone.sends(refresh=pb.Refresh(access_token=longer))
    await alice.phone.hears_nothing()

    clock.advance(3600 + 2 * EXPIRY_GRACE)
    await alice.phone.hears_nothing()
    clock.advance(3600)

    assert (await alice.phone.is_ended())[0] is StatusCode.UNAUTHENTICATED


async def test_shorter_refresh(alice: User, issuer: Issuer, clock: ManualClock) -> None:
    """The newest token counts, not the longest."""
    await alice.phone.connects()
    shorter = issuer.token("alice", "phone", exp=clock.now() + 60)
    await alice.phone.sends(refresh=pb.Refresh(access_token=shorter))
    await alice.phone.hears_nothing()

    clock.advance(60 + EXPIRY_GRACE)

    assert (await alice.phone.is_ended())[0] is StatusCode.UNAUTHENTICATED


async def test_bad_refresh(alice: User, issuer: Issuer, clock: ManualClock) -> None:
    """NOT_ALLOWED, with the reason: the old token counts on until it is over."""
    await alice.phone.connects()
    over = issuer.token("alice", "phone", exp=clock.now() - 60)
    for token, text in (
        ("nonsense", "refresh.access_token: token: is not a JWT"),
        ("", "refresh.access_token: token: is not a JWT"),
        (over, "refresh.access_token: token: exp is over"),
    ):
        await alice.phone.sends(refresh=pb.Refresh(access_token=token))
        error = await alice.phone.is_refused(pb.ERROR_CODE_NOT_ALLOWED)
        assert error.detail == text

    await alice.phone.hears_nothing()
    clock.advance(3600 + EXPIRY_GRACE)
    assert (await alice.phone.is_ended())[0] is StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    ("user_id", "device_id", "role"),
    [("mallory", "phone", None), ("alice", "tablet", None), ("alice", "", "service")],
)
async def test_refresh_for_another(
    alice: User, issuer: Issuer, user_id: str, device_id: str, role: str | None
) -> None:
    """Somebody who has two people's tokens is neither of them: the stream ends."""
    await alice.phone.connects()
    token = issuer.token(user_id, device_id, role=role)
    await alice.phone.sends(refresh=pb.Refresh(access_token=token))

    assert await alice.phone.is_ended() == (
        StatusCode.PERMISSION_DENIED,
        "the token is another device's",
    )
    assert (await alice.phone.resumes()).resumed


async def test_rotation(alice: User, bob: User, issuer: Issuer, tmp_path: Path) -> None:
    """A new key in the file counts at once, and who came in with the old one stays."""
    call = await answered_call(alice, bob)
    new = Issuer(kid="key-2", now=issuer.now)
    new.writes(tmp_path / "keys.json")

    alice.tablet.token = new.token("alice", "tablet")
    await alice.tablet.connects()
    assert await refused(bob.tablet) == (StatusCode.UNAUTHENTICATED, "token: its key is not known")
    await alice.phone.sends(call=call, app_message=pb.AppMessage(body=b"still here"))
    await bob.phone.hears("app_message")


@over_both
async def test_forged_tokens_wait(
    alice: User, bob: User, issuer: Issuer, clock: ManualClock
) -> None:
    """After ten the answer takes a second more each time, at any node, for the forger alone."""
    forger = Issuer(now=issuer.now)
    for _ in range(10):
        alice.phone.token = forger.token("alice", "phone")
        assert (await refused(alice.phone))[1] == "token: its signature is wrong"

    await alice.phone.opens()
    ended = asyncio.create_task(alice.phone.is_ended())
    await bob.phone.connects()  # from the same address, and good
    await bob.phone.hears_nothing()
    assert not ended.done()
    # an engine's time goes by itself: a second of ours is more than what is left of its
    while not ended.done():
        clock.advance(0.5)
        await bob.phone.hears_nothing()

    assert await ended == (StatusCode.UNAUTHENTICATED, "token: its signature is wrong")


async def test_no_keys(clock: ManualClock, issuer: Issuer, unused_tcp_port: int) -> None:
    """Nobody comes in while the issuer cannot be reached; the service runs and says so."""
    url = f"http://127.0.0.1:{unused_tcp_port}/jwks.json"
    chosen = settings(auth="jwt", jwt_keys=url, jwt_issuer=ISSUER, jwt_audience=AUDIENCE)
    async with App(chosen, clock) as app:
        carol = User("carol", app.address)
        carol.phone.token = issuer.token("carol", "phone")

        assert await refused(carol.phone) == (
            StatusCode.UNAVAILABLE,
            "there are no keys to check tokens with",
        )
        await carol.close()


async def test_offer_is_paced_on_a_new_stream(alice: User, bob: User) -> None:
    """A device that comes back has no new bucket."""
    await alice.phone.connects()
    for _ in range(20):
        call = await alice.phone.offers(bob)
        await alice.phone.hears_progress(pb.PROGRESS_KIND_WAITING)
        await alice.phone.sends(call=call, hangup=pb.Hangup())
        await alice.phone.hears_end(pb.END_REASON_CANCELLED)
    await alice.phone.drops()
    await alice.phone.resumes()

    await alice.phone.offers(bob)

    error = await alice.phone.is_refused(pb.ERROR_CODE_RATE_LIMITED)
    assert error.retry_after == Duration(nanos=200_000_000)
