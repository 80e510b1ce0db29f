"""Clients with tokens at a real service."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.app import App
from signaling_service.client import (
    Client,
    Connected,
    Disconnected,
    PermissionDeniedError,
    Refused,
    Timing,
    Token,
    UnauthenticatedError,
    Waiting,
    bearer,
)
from signaling_service.transport.credentials import EXPIRY_GRACE
from tests.clock import ManualClock
from tests.devices import PATIENCE, sdp
from tests.tokens import AUDIENCE, ISSUER, Issuer
from tests.transport.settings import settings

from .people import QUICK, connected, next_of, talk, until

HOUR = 3600.0


@pytest.fixture
def issuer(clock: ManualClock) -> Issuer:
    return Issuer(now=clock.now())


@pytest.fixture
async def service(tmp_path: Path, issuer: Issuer, clock: ManualClock) -> AsyncIterator[App]:
    """A service that takes the tokens of the issuer, on the test's clock."""
    keys = str(issuer.writes(tmp_path / "keys.json"))
    wants = settings(auth="jwt", jwt_keys=keys, jwt_issuer=ISSUER, jwt_audience=AUDIENCE)
    async with App(wants, clock) as running:
        yield running


class Desk:
    """Where an app gets its tokens: each is good for an hour from when it is asked for."""

    def __init__(self, issuer: Issuer, clock: ManualClock, user_id: str) -> None:
        self._issuer, self._clock, self._user_id = issuer, clock, user_id
        self.asked = 0

    def __call__(self) -> str:
        """A new token."""
        self.asked += 1
        now = self._clock.now()
        return self._issuer.token(self._user_id, "phone", iat=now, exp=now + HOUR, jti=self.asked)

    def dated(self) -> Token:
        """The same, with the word when it is over."""
        return Token(self(), self._clock.now() + HOUR)


class Alarm:
    """Lets a client wait until the test says that it was long enough."""

    def __init__(self, clock: ManualClock) -> None:
        self._rings = asyncio.Event()
        self.timing = Timing(sleep=self.sleep, now=clock.now, min_backoff=0.01, max_backoff=0.05)

    async def sleep(self, seconds: float) -> None:
        """Wait; short ones are over at once."""
        if seconds > 1:
            await self._rings.wait()
            self._rings.clear()
        await asyncio.sleep(0)

    def rings(self) -> None:
        """The next long wait is over."""
        self._rings.set()


async def end_of(client: Client) -> None:
    """Read a client's events to their end."""
    async with asyncio.timeout(PATIENCE):
        async for _event in client:
            pass


async def test_two_clients_with_tokens_talk(
    service: App, issuer: Issuer, clock: ManualClock
) -> None:
    """Each is who its token says."""
    alice, bob = (
        Client(service.address, bearer(Desk(issuer, clock, user)), timing=QUICK)
        for user in ("alice", "bob")
    )
    async with connected(alice, bob):
        call, incoming = await talk(alice, bob)

    assert call.peer == pb.Device(user_id="bob", device_id="phone")
    assert incoming.peer == pb.Device(user_id="alice", device_id="phone")


async def test_a_renewed_stream_outlives_its_first_token(
    service: App, issuer: Issuer, clock: ManualClock
) -> None:
    """It is never interrupted."""
    desk, alarm = Desk(issuer, clock, "alice"), Alarm(clock)
    kinds: list[str | None] = []
    is_renewed = asyncio.Event()

    def observe(message: pb.ConnectRequest | pb.ConnectResponse) -> None:
        kinds.append(message.WhichOneof("payload"))
        if kinds[-1] == "refresh":
            is_renewed.set()

    alice = Client(service.address, bearer(desk.dated), timing=alarm.timing, observe=observe)
    async with connected(alice):
        clock.advance(0.8 * HOUR)
        alarm.rings()
        await asyncio.wait_for(is_renewed.wait(), PATIENCE)
        await until(alice.call("bob", sdp()), Waiting)  # so the service has the token
        clock.advance(0.5 * HOUR)
        await until(alice.call("bob", sdp()), Waiting)

    assert desk.asked == 2
    assert kinds.count("welcome") == 1


async def test_a_stream_that_was_not_renewed_comes_back(
    service: App, issuer: Issuer, clock: ManualClock
) -> None:
    """With a new token, into the session it had."""
    desk = Desk(issuer, clock, "alice")
    alice = Client(service.address, bearer(desk), timing=QUICK)
    async with connected(alice):
        clock.advance(HOUR + EXPIRY_GRACE)
        lost, back = await next_of(alice), await next_of(alice)

    assert isinstance(lost, Disconnected)
    assert lost.detail == "the token has expired"
    assert isinstance(back, Connected)
    assert back.resumed
    assert desk.asked == 2


async def test_a_token_that_is_over_for_good(
    service: App, issuer: Issuer, clock: ManualClock
) -> None:
    """A string is never a better one: the client stops, and says why."""
    token = Desk(issuer, clock, "alice")()
    clock.advance(HOUR + EXPIRY_GRACE)
    async with Client(service.address, bearer(token), timing=QUICK) as alice:
        with pytest.raises(UnauthenticatedError, match="exp is over"):
            await end_of(alice)


async def test_a_bad_token_does_not_end_the_stream(
    service: App, issuer: Issuer, clock: ManualClock
) -> None:
    """The app is told, and the old one counts on."""
    alice = Client(service.address, bearer(Desk(issuer, clock, "alice")), timing=QUICK)
    async with connected(alice):
        alice.refresh("no token")
        refused = await until(alice, Refused)
        alice.refresh(issuer.token("alice", "phone", aud="somebody else"))
        again = await until(alice, Refused)

    assert (refused.request, refused.code) == ("refresh", pb.ERROR_CODE_NOT_ALLOWED)
    assert again.detail == "refresh.access_token: token: aud is not this service"


@pytest.mark.parametrize("whose", [("bob", "phone"), ("alice", "tablet")], ids=str)
async def test_another_device_s_token_ends_the_client(
    whose: tuple[str, str], service: App, issuer: Issuer, clock: ManualClock
) -> None:
    """There is nothing to come back for."""
    alice = Client(service.address, bearer(Desk(issuer, clock, "alice")), timing=QUICK)
    async with connected(alice):
        alice.refresh(issuer.token(*whose))
        with pytest.raises(PermissionDeniedError):
            await end_of(alice)
