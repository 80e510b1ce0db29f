"""Tokens: where a client gets them, when it renews them, and when it has had enough."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import grpc
import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.client import (
    Client,
    Connected,
    PermissionDeniedError,
    Refused,
    Timing,
    Token,
    TokenSource,
    UnauthenticatedError,
    bearer,
)
from tests.devices import PATIENCE

from .people import QUICK, Waits, until
from .scripted import Streamed
from .scripted import service as scripted

OVER = "token: exp is over"


class Visitors:
    """Scripts of a service that note the token of each stream."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.refreshed: list[str] = []

    async def stays(self, stream: Streamed) -> None:
        """Welcome, to the end."""
        self.tokens.append(stream.token)
        await stream.welcomes()
        await stream.stays()

    async def expires(self, stream: Streamed) -> None:
        """Welcome, and then the token is over."""
        self.tokens.append(stream.token)
        await stream.welcomes(resumed=len(self.tokens) > 1)
        stream.ends(grpc.StatusCode.UNAUTHENTICATED, OVER)

    async def turned_away(self, stream: Streamed) -> None:
        """Not let in."""
        self.tokens.append(stream.token)
        stream.ends(grpc.StatusCode.UNAUTHENTICATED, OVER)

    def renews(self, times: int) -> Callable[[Streamed], Awaitable[None]]:
        """Welcome, take so many new tokens, acknowledge them, and say that it was enough."""

        async def script(stream: Streamed) -> None:
            self.tokens.append(stream.token)
            await stream.welcomes()
            for ack in range(1, times + 1):
                while not (request := await stream.hears()).HasField("refresh"):
                    pass
                self.refreshed.append(request.refresh.access_token)
                await stream.says(ack=ack, ice_servers=pb.IceServers())
            await stream.stays()

        return script


class Issuer:
    """A source that gives one token after the other, or raises what stands there instead."""

    def __init__(self, *answers: str | Token | Exception) -> None:
        self._answers = deque(answers)
        self.is_used_up = asyncio.Event()

    async def __call__(self) -> str | Token:
        """The next token."""
        answer = self._answers.popleft()
        if not self._answers:
            self.is_used_up.set()
        if isinstance(answer, Exception):
            raise answer
        return answer


class StoppedClock(Waits):
    """Sleeps that last no time, and a clock that stands at second 1000."""

    @property
    def timing(self) -> Timing:
        """A timing whose draws are always their most."""
        return Timing(sleep=self.sleep, uniform=lambda _least, most: most, now=lambda: 1000.0)


async def end_of(client: Client) -> None:
    """Read a client's events to their end."""
    async with asyncio.timeout(PATIENCE):
        async for _event in client:
            pass


@pytest.mark.parametrize("source", ["a.b.c", "a.b.c\n", lambda: "a.b.c", lambda: Token("a.b.c")])
async def test_a_stream_comes_with_its_token(source: TokenSource) -> None:
    """From a string, as files have it, or a function."""
    visitors = Visitors()
    async with scripted(visitors.stays) as address, Client(address, bearer(source)) as alice:
        await alice.ready()

    assert visitors.tokens == ["a.b.c"]


async def test_the_source_is_asked_before_every_connection() -> None:
    """One that has no network is asked again."""
    visitors, source = Visitors(), Issuer("first", OSError("no network"), "second")

    async def drops(stream: Streamed) -> None:
        visitors.tokens.append(stream.token)
        await stream.welcomes()
        stream.ends(grpc.StatusCode.UNAVAILABLE)

    async with (
        scripted(drops, visitors.stays) as address,
        Client(address, bearer(source), timing=QUICK) as alice,
    ):
        await until(alice, Connected)
        await until(alice, Connected)

    assert visitors.tokens == ["first", "second"]


async def test_a_token_is_renewed_before_it_expires() -> None:
    """In the stream, for as long as the source says when; of an hour 54 minutes at most."""
    visitors, clock = Visitors(), StoppedClock()
    source = Issuer(Token("first", 1000 + 3600), Token("second", 1000 + 600), Token("third"))
    async with (
        scripted(visitors.renews(2)) as address,
        Client(address, bearer(source), timing=clock.timing) as alice,
    ):
        await asyncio.wait_for(source.is_used_up.wait(), PATIENCE)
        await until(alice, Connected)

    assert visitors.tokens == ["first"]
    assert visitors.refreshed == ["second", "third"]
    assert [wait for wait in clock.seconds if wait > 1] == [0.9 * 3600, 0.9 * 600]


async def test_a_source_without_network_is_asked_again() -> None:
    """With backoff; a token that it repeats is no new one."""
    visitors, clock = Visitors(), StoppedClock()
    first = Token("first", 1000 + 100)
    source = Issuer(first, OSError("no network"), OSError("no network"), first, Token("second"))
    async with (
        scripted(visitors.renews(1)) as address,
        Client(address, bearer(source), timing=clock.timing) as alice,
    ):
        await asyncio.wait_for(source.is_used_up.wait(), PATIENCE)
        await until(alice, Connected)

    assert visitors.refreshed == ["second"]
    assert clock.seconds[:4] == [90, 1, 2, 90]


async def test_another_exception_of_the_source_ends_the_client() -> None:
    """While it renews, as when it connects: the app gets it."""
    source = Issuer(Token("first", 1000 + 100), LookupError("signed out"))
    async with (
        scripted(Visitors().stays) as address,
        Client(address, bearer(source), timing=StoppedClock().timing) as alice,
    ):
        with pytest.raises(LookupError, match="signed out"):
            await end_of(alice)


async def test_whoever_is_not_let_in_asks_for_another_token() -> None:
    """Once: it may have expired on the way."""
    visitors = Visitors()
    source = Issuer("first", "second")
    async with (
        scripted(visitors.turned_away, visitors.stays) as address,
        Client(address, bearer(source), timing=QUICK) as alice,
    ):
        await until(alice, Connected)

    assert visitors.tokens == ["first", "second"]


async def test_the_same_token_is_not_tried_again() -> None:
    """The app is told; the service hears of it no second time."""
    visitors = Visitors()
    async with (
        scripted(visitors.turned_away) as address,
        Client(address, bearer("first"), timing=QUICK) as alice,
    ):
        with pytest.raises(UnauthenticatedError, match=OVER):
            await end_of(alice)

    assert visitors.tokens == ["first"]


async def test_a_second_token_that_is_no_good_is_the_last() -> None:
    """A source of bad tokens does not keep a client at the door."""
    visitors, source = Visitors(), Issuer("first", "second", "third")
    async with (
        scripted(visitors.turned_away, visitors.turned_away) as address,
        Client(address, bearer(source), timing=QUICK) as alice,
    ):
        with pytest.raises(UnauthenticatedError, match=OVER):
            await end_of(alice)

    assert visitors.tokens == ["first", "second"]


async def test_a_stream_whose_token_ran_out_goes_on_with_the_next() -> None:
    """As often as it takes; with none, the client stops."""
    visitors, source = Visitors(), Issuer("first", "second", "third", "third")
    async with (
        scripted(*[visitors.expires] * 3) as address,
        Client(address, bearer(source), timing=QUICK) as alice,
    ):
        sessions = [(await until(alice, Connected)).resumed for _ in range(3)]
        with pytest.raises(UnauthenticatedError, match=OVER):
            await end_of(alice)

    assert sessions == [False, True, True]
    assert visitors.tokens == ["first", "second", "third"]


async def test_a_refused_token_is_news_and_the_stream_stays() -> None:
    """The old one counts on."""

    async def refuse(stream: Streamed) -> None:
        await stream.welcomes()
        request = await stream.hears()
        error = pb.RequestError(in_reply_to=request.seq, code=pb.ERROR_CODE_NOT_ALLOWED)
        await stream.says(1, ack=request.seq, error=error)
        await stream.stays()

    async with scripted(refuse) as address, Client(address, bearer("first")) as alice:
        alice.refresh("second")
        refused = await until(alice, Refused)

    assert (refused.request, refused.code) == ("refresh", pb.ERROR_CODE_NOT_ALLOWED)


async def test_somebody_else_s_token_ends_the_client() -> None:
    """It is told which mistake it was."""

    async def end(stream: Streamed) -> None:
        await stream.welcomes()
        await stream.hears()
        stream.ends(grpc.StatusCode.PERMISSION_DENIED, "another device")

    async with scripted(end) as address, Client(address, bearer("first")) as alice:
        alice.refresh("somebody else's")
        with pytest.raises(PermissionDeniedError):
            await end_of(alice)


def test_a_token_is_not_shown() -> None:
    """Whatever is logged of it."""
    shown = f"{Token('secret', 12)} {bearer('secret')!r}"

    assert "secret" not in shown
    assert "expires_at=12" in shown
