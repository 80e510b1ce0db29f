"""What an app did while the service's backend was away: it happens when that is back."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from signaling.v1 import signaling_pb2 as pb

from examples.proxy import proxying
from signaling_service.app import App
from signaling_service.client import (
    Answered,
    AppMessage,
    Candidates,
    Cause,
    Client,
    Connected,
    Ended,
    Incoming,
    Lost,
    Refused,
    Timing,
    Waiting,
    Won,
    identity,
)
from signaling_service.client.call import MAX_UNREAD
from signaling_service.config import Settings
from tests.devices import PATIENCE, candidate, sdp
from tests.shared import cell_at
from tests.valkey import Valkey

from .people import QUICK, all_of, connected, device, talk, until
from .scripted import Streamed
from .scripted import service as scripted

ALICE, BOB = (pb.Device(user_id=name, device_id="phone") for name in ("alice", "bob"))
MESSAGES = [AppMessage(b"%d" % number) for number in range(6)]
CANDIDATES = [candidate(1), candidate(2)]


class Phone(Client):
    """A device that sends what was refused again when the test says so."""

    def __init__(self, address: str, user_id: str) -> None:
        self.pauses: list[float] = []
        self._may_retry = asyncio.Event()
        self._refusals: asyncio.Queue[pb.ConnectResponse] = asyncio.Queue()
        timing = Timing(
            min_backoff=QUICK.min_backoff,
            max_backoff=QUICK.max_backoff,
            ack_delay=QUICK.ack_delay,
            sleep=self._sleep,
        )
        credentials = identity(user_id, "phone")
        super().__init__(address, credentials, timing=timing, observe=self._note)

    def retries(self) -> None:
        """Let the pauses that the service wants be over, and short from now on."""
        self._may_retry.set()

    async def is_refused(self, times: int = 1) -> None:
        """Wait until so many more requests were not stored."""
        async with asyncio.timeout(PATIENCE):
            for _ in range(times):
                await self._refusals.get()

    async def _sleep(self, seconds: float) -> None:
        if seconds < 1:
            await asyncio.sleep(seconds)
        else:
            self.pauses.append(seconds)
            await self._may_retry.wait()
            await asyncio.sleep(QUICK.max_backoff)

    def _note(self, message: pb.ConnectRequest | pb.ConnectResponse) -> None:
        if isinstance(message, pb.ConnectRequest) or message.seq:
            return
        if message.error.code == pb.ERROR_CODE_UNAVAILABLE:
            self._refusals.put_nowait(message)


@pytest.fixture
async def engine() -> AsyncIterator[Valkey]:
    """One that a test may stop."""
    async with Valkey() as engine:
        yield engine


@pytest.fixture
async def service(engine: Valkey) -> AsyncIterator[App]:
    """A node that stores everything there."""
    settings = Settings(listen="127.0.0.1:0", backend=cell_at(engine.url))
    async with App(settings) as service:
        yield service


async def test_a_hangup_is_not_lost(service: App, engine: Valkey) -> None:
    """The app hears of no refusal; the call ends for both when the backend is back."""
    alice, bob = Phone(service.address, "alice"), device(service.address, "bob")
    async with connected(alice, bob):
        call, incoming = await talk(alice, bob)
        engine.stop()
        call.hangup("bye")
        await alice.is_refused()
        engine.cont()
        alice.retries()
        ours, theirs = await all_of(call), await all_of(incoming)

    ended = Ended(pb.END_REASON_HANGUP, ALICE, "bye")
    assert (ours, theirs) == ([ended], [ended])
    assert 1 <= alice.pauses[0] <= 2


async def test_messages_keep_their_order(service: App, engine: Valkey) -> None:
    """Those that were refused, those that waited behind them, and those that came after."""
    alice, bob = Phone(service.address, "alice"), device(service.address, "bob")
    async with connected(alice, bob):
        call, incoming = await talk(alice, bob)
        engine.stop()
        for message in MESSAGES[:2]:
            call.send(message)
        await alice.is_refused(2)
        for message in MESSAGES[2:4]:
            call.send(message)
        alice.retries()
        await alice.is_refused()
        engine.cont()
        heard = [await until(incoming, AppMessage) for _ in MESSAGES[:4]]
        for message in MESSAGES[4:]:
            call.send(message)
        call.hangup()
        heard += [event for event in await all_of(incoming) if isinstance(event, AppMessage)]

    assert heard == MESSAGES


async def test_what_was_refused_survives_its_stream(service: App, engine: Valkey) -> None:
    """A resume sends it again, once and in order, with what came meanwhile."""
    async with proxying(service.address) as proxy:
        alice, bob = Phone(proxy.address, "alice"), device(service.address, "bob")
        async with connected(alice, bob):
            call, incoming = await talk(alice, bob)
            engine.stop()
            for message in MESSAGES[:2]:
                call.send(message)
            await alice.is_refused(2)
            proxy.cut()
            for message in MESSAGES[2:]:
                call.send(message)
            engine.cont()
            again = await until(alice, Connected)
            call.hangup()
            heard = [event for event in await all_of(incoming) if isinstance(event, AppMessage)]

    assert again.resumed
    assert heard == MESSAGES


async def test_a_call_is_placed_when_the_backend_is_back(service: App, engine: Valkey) -> None:
    """It rings late, with all that belongs to it."""
    alice, bob = Phone(service.address, "alice"), device(service.address, "bob")
    async with connected(alice, bob):
        engine.stop()
        call = alice.call("bob", sdp())
        call.send_candidates(CANDIDATES)
        await alice.is_refused(2)
        engine.cont()
        alice.retries()
        incoming = (await until(bob, Incoming)).call
        incoming.answer(sdp())
        await until(incoming, Won)
        told, answered = await until(incoming, Candidates), await until(call, Answered)

    assert told == Candidates(tuple(CANDIDATES))
    assert answered.sender == BOB


async def test_a_call_that_was_hung_up_meanwhile_never_rings(service: App, engine: Valkey) -> None:
    """It is over at once for its caller, and nobody else hears of it."""
    alice, bob = Phone(service.address, "alice"), device(service.address, "bob")
    async with connected(alice, bob):
        engine.stop()
        call = alice.call("bob", sdp())
        await alice.is_refused()
        call.hangup("never mind")
        calls, heard = dict(alice.calls), await all_of(call)
        engine.cont()
        alice.retries()
        other = alice.call("bob", sdp())
        incoming = (await until(bob, Incoming)).call

    assert calls == {}
    assert heard == [Ended(pb.END_REASON_CANCELLED, text="never mind")]
    assert incoming.call_id == other.call_id


async def test_a_call_that_nobody_reads_is_hung_up_all_the_same(
    service: App, engine: Valkey
) -> None:
    """It is over here, and the peer hears of it later."""
    alice, bob = device(service.address, "alice"), Phone(service.address, "bob")
    async with connected(alice, bob):
        call, incoming = await talk(alice, bob)
        engine.stop()
        for number in range(MAX_UNREAD + 1):
            incoming.deliver(AppMessage(b"%d" % number))
        await bob.is_refused()
        engine.cont()
        bob.retries()
        ended = await call.wait_ended()

    assert incoming.ended == Lost(Cause.UNREAD)
    assert ended == Ended(pb.END_REASON_HANGUP, BOB)


async def test_whoever_leaves_does_not_wait(service: App, engine: Valkey) -> None:
    """What was held back goes out before the stream ends, for the backend may be there."""
    alice, bob = Phone(service.address, "alice"), Phone(service.address, "bob")
    async with connected(bob):
        async with connected(alice):
            call, incoming = await talk(alice, bob)
            engine.stop()
            call.send(MESSAGES[0])
            await alice.is_refused()
            engine.cont()
            bob.retries()
            incoming.send(MESSAGES[1])
            await until(call, AppMessage)
        heard = await all_of(incoming)

    assert heard[-2:] == [MESSAGES[0], Ended(pb.END_REASON_HANGUP, ALICE)]


async def test_a_request_that_overtook_its_offer_goes_again_behind_it() -> None:
    """The backend came back between the two: the service knew no such call, the app does."""
    heard: list[tuple[int, str | None]] = []

    async def store_the_second(stream: Streamed) -> None:
        await stream.welcomes()
        for _ in range(2):
            await stream.hears()
        away = pb.RequestError(in_reply_to=1, code=pb.ERROR_CODE_UNAVAILABLE)
        await stream.says(call="a-call", error=away)
        unknown = pb.RequestError(in_reply_to=2, code=pb.ERROR_CODE_CALL_NOT_FOUND)
        await stream.says(1, ack=2, call="a-call", error=unknown)
        for ack in (3, 4):
            while (request := await stream.hears()).seq != ack:
                pass
            heard.append((request.seq, request.WhichOneof("payload")))
            waiting = pb.CallProgress(kind=pb.PROGRESS_KIND_WAITING)
            await stream.says(ack - 1, ack=ack, call="a-call", progress=waiting)
        await stream.stays()

    async with scripted(store_the_second) as address, Phone(address, "alice") as alice:
        call = alice.call("bob", sdp(), call_id="a-call")
        call.send_candidates(CANDIDATES)
        alice.retries()
        events = [await anext(call) for _ in range(2)]

    assert heard == [(3, "offer"), (4, "candidates")]
    assert events == [Waiting(), Waiting()]


async def test_a_refusal_of_something_forgotten_is_told() -> None:
    """As is one that says so by a number: it is stored, and no backend is away."""
    told = pb.RequestError(in_reply_to=1, code=pb.ERROR_CODE_UNAVAILABLE)

    async def refuse(stream: Streamed) -> None:
        await stream.welcomes()
        await stream.hears()
        await stream.says(error=pb.RequestError(in_reply_to=9, code=told.code))
        await stream.says(1, ack=1, call="a-call", error=told)
        await stream.stays()

    async with scripted(refuse) as address, Phone(address, "alice") as alice:
        call = alice.call("bob", sdp(), call_id="a-call")
        unknown, refused = await until(alice, Refused), await until(call, Refused)

    assert (unknown.request, refused.request) == ("", "call")
    assert not alice.pauses
