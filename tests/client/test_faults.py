"""The fault run: streams are cut a hundred times during twenty calls, and no app notices."""

import asyncio
import os
from collections import Counter
from random import Random

from signaling.v1 import signaling_pb2 as pb

from examples.proxy import Proxy, proxying
from signaling_service.app import App
from signaling_service.client import (
    Answered,
    AppMessage,
    Away,
    Back,
    Call,
    CallEvent,
    Candidates,
    Client,
    Connected,
    Ended,
    Incoming,
    Ringing,
    Timing,
    Waiting,
    Won,
    identity,
)
from signaling_service.limits import LimitSettings
from tests.conftest import LISTEN
from tests.devices import candidate, sdp

CANDIDATES = [candidate(number) for number in range(3)]
SEED = int(os.environ.get("FAULT_SEED", "1"))
PAIRS, CALLS_OF_A_PAIR, CUTS_OF_A_CALL = 5, 4, 5
MOST_MESSAGES = 25  # of a pair, until its next fault
DEADLINE = 60.0  # s, on a busy machine
NO_PACING = LimitSettings(others_per_second=10_000, others_burst=10_000)


class Faults:
    """Breaks the connections of two devices at random, at once or after losing something."""

    def __init__(self, random: Random, *proxies: Proxy) -> None:
        self.cuts = 0
        self.losses = 0  # cuts before which something was lost
        self.allowed = 0
        self._random = random
        self._proxies = proxies
        self._left = 1
        self._losing: asyncio.Task[None] | None = None

    @property
    def is_done(self) -> bool:
        """Whether as much was broken as may be."""
        return self.cuts == self.allowed

    def note(self, _message: object) -> None:
        """Count a message, and break something when it is time: part of `observe`."""
        self._left -= 1
        if self._left > 0 or self.is_done or self._losing is not None:
            return
        self._left = self._random.randint(1, MOST_MESSAGES)
        proxy = self._random.choice(self._proxies)
        if self._random.random() < 0.5:
            self._losing = asyncio.create_task(self._lose(proxy))
        else:
            self.cuts += proxy.cut()

    async def _lose(self, proxy: Proxy) -> None:
        """What the service says is lost before the connection is."""
        proxy.swallow()
        await proxy.swallowed()
        self.cuts += proxy.cut()
        self.losses += 1
        self._losing = None


class Phone:
    """A device behind a network that fails; it counts what it sees."""

    def __init__(self, address: str, user_id: str, faults: Faults, random: Random) -> None:
        self.counts: Counter[str] = Counter()
        self.incoming: asyncio.Queue[Call] = asyncio.Queue()
        self.user_id = user_id
        timing = Timing(min_backoff=0.01, max_backoff=0.05, ack_delay=0.02, uniform=random.uniform)
        self.client = Client(
            address, identity(user_id, "phone"), timing=timing, observe=self._observe
        )
        self._faults = faults
        self._seen: set[tuple[str, int]] = set()

    def _observe(self, message: pb.ConnectRequest | pb.ConnectResponse) -> None:
        if message.seq:
            kind = "requests" if isinstance(message, pb.ConnectRequest) else "responses"
            is_again = (kind, message.seq) in self._seen
            self.counts[f"{kind} again" if is_again else kind] += 1
            self._seen.add((kind, message.seq))
        self._faults.note(message)

    async def listen(self) -> None:
        """Count streams, and take calls."""
        async for event in self.client:
            match event:
                case Connected(resumed=is_resumed):
                    self.counts["resumed" if is_resumed else "fresh"] += 1
                case Incoming(call):
                    self.incoming.put_nowait(call)
                case other:
                    self.counts[type(other).__name__] += 1


async def ask(call: Call, faults: Faults) -> list[CallEvent]:
    """Be the caller: count aloud, as long as there is something to break. All that happened."""
    heard: list[CallEvent] = []
    call.send_candidates(CANDIDATES)
    async for event in call:
        heard.append(event)
        match event:
            case Answered():
                call.send(AppMessage(b"0"))
            case AppMessage(body):
                if faults.is_done:
                    call.hangup()
                else:
                    call.send(AppMessage(b"%d" % (int(body) + 1)))
    return heard


async def reply(call: Call) -> list[CallEvent]:
    """Be the callee: repeat what the caller says. All that happened."""
    heard: list[CallEvent] = []
    call.ring()
    call.answer(sdp())
    async for event in call:
        heard.append(event)
        match event:
            case Won():
                call.send_candidates(CANDIDATES)
            case AppMessage():
                call.send(event)
    return heard


def check(caller: list[CallEvent], callee: list[CallEvent], peer: str) -> int:
    """Every event is there, once and in order; returns how many."""
    for heard, begin in ((caller, [Ringing, Answered]), (callee, [Won])):
        stays = [type(event) for event in heard if isinstance(event, Away | Back)]
        assert stays == [(Away, Back)[index % 2] for index in range(len(stays))]
        story = [event for event in heard if not isinstance(event, Away | Back)]
        if story[0] == Waiting():
            del story[0]  # the callee was away when the offer came
        said = [event for event in story if isinstance(event, AppMessage)]
        assert said == [AppMessage(b"%d" % number) for number in range(len(said))]
        ended = Ended(pb.END_REASON_HANGUP, pb.Device(user_id=peer, device_id="phone"))
        assert [type(event) for event in story[: len(begin)]] == begin
        assert story[len(begin) :] == [Candidates(tuple(CANDIDATES)), *said, ended]
    return len(caller) + len(callee)


async def run_pair(address: str, number: int) -> Counter[str]:
    """Two phones, some calls one after the other, and the faults; returns the counts."""
    random = Random(f"{SEED}/{number}")  # noqa: S311 - faults, not secrets
    async with proxying(address) as one, proxying(address) as other, asyncio.TaskGroup() as group:
        faults = Faults(random, one, other)
        alice = Phone(one.address, f"alice-{number}", faults, random)
        bob = Phone(other.address, f"bob-{number}", faults, random)
        async with alice.client, bob.client:
            for phone in (alice, bob):
                group.create_task(phone.listen())
                await phone.client.ready()
            for _ in range(CALLS_OF_A_PAIR):
                faults.allowed += CUTS_OF_A_CALL
                asking = group.create_task(ask(alice.client.call(bob.user_id, sdp()), faults))
                replied = await reply(await bob.incoming.get())
                alice.counts["events"] += check(await asking, replied, alice.user_id)
                alice.counts["calls"] += 1
        assert alice.incoming.empty()
        assert bob.incoming.empty()
    return alice.counts + bob.counts + Counter(cuts=faults.cuts, lost=faults.losses)


async def test_every_event_comes_once_however_often_the_stream_is_cut() -> None:
    """A hundred cuts in twenty calls: every call completes, every app sees all of it once."""
    settings = LISTEN.model_copy(update={"limits": NO_PACING})
    async with asyncio.timeout(DEADLINE), App(settings) as service:
        counted = await asyncio.gather(
            *(run_pair(service.address, number) for number in range(PAIRS))
        )
    counts = sum(counted, Counter[str]())
    print(f"seed {SEED}: {dict(counts)}")  # noqa: T201 - what the run is for

    assert counts["calls"] == PAIRS * CALLS_OF_A_PAIR == 20
    assert counts["cuts"] == counts["calls"] * CUTS_OF_A_CALL == 100
    assert counts["fresh"] == 2 * PAIRS
    assert counts["resumed"] > 0
    assert counts["requests again"] > 0  # the service had something to recognise
    assert counts["lost"] > 0  # and to say once more
