"""The minimal client keeps the contract when its connection does not."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

import pytest
from signaling.v1 import signaling_pb2 as pb

from examples.minimal_client import Client, TurnedAwayError
from examples.proxy import Proxy, proxying
from signaling_service.app import App
from signaling_service.limits import LimitSettings
from tests.client.scripted import Streamed
from tests.client.scripted import service as scripted
from tests.conftest import LISTEN

DEADLINE = 20.0  # s, with some waits before reconnecting
CALL = "a-call"
SDP = "v=0\r\n"
ROUNDS = 5
MOST_UNACKED = 80  # above the 32 after which a client acknowledges


class Device:
    """A client, and all it has heard; wait with `until`."""

    def __init__(self, address: str, user_id: str, device_id: str = "phone") -> None:
        self.client = Client(address, (("user-id", user_id), ("device-id", device_id)))
        self.heard: list[pb.ConnectResponse] = []
        self._read: deque[pb.ConnectResponse] = deque()
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Listen until the client is closed or turned away."""
        async with aclosing(self.client.events()) as events:
            async for event in events:
                self.heard.append(event)
                self._read.append(event)
                self._news.set()

    async def until(
        self, kind: str, is_it: Callable[[pb.ConnectResponse], bool] = lambda _event: True
    ) -> pb.ConnectResponse:
        """The next event of a kind; others are passed over."""
        while True:
            while self._read:
                event = self._read.popleft()
                if event.WhichOneof("payload") == kind and is_it(event):
                    return event
            self._news.clear()
            await self._news.wait()

    @property
    def texts(self) -> list[bytes]:
        """The bodies of the app messages, as they came."""
        return [event.app_message.body for event in self.heard if event.HasField("app_message")]

    @property
    def seqs(self) -> list[int]:
        """The numbers, as they came."""
        return [event.seq for event in self.heard if event.seq]


@asynccontextmanager
async def running(*devices: Device) -> AsyncIterator[None]:
    """The devices have their welcome; they leave politely at the end."""
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as group:
        for device in devices:
            group.create_task(device.run())
        for device in devices:
            await device.until("welcome")
        yield
        for device in devices:
            device.client.close()


@pytest.fixture
async def proxy(service: App) -> AsyncIterator[Proxy]:
    async with proxying(service.address) as proxy:
        yield proxy


async def talk(alice: Device, bob: Device) -> None:
    """An answered call."""
    alice.client.send(CALL, offer=pb.SdpOffer(recipient_user_id="bob", sdp=SDP))
    await bob.until("offer")
    bob.client.send(CALL, answer=pb.SdpAnswer(sdp=SDP))
    await bob.until("progress")
    await alice.until("answer")


def say(device: Device, text: bytes) -> None:
    device.client.send(CALL, app_message=pb.AppMessage(body=text))


def is_back(event: pb.ConnectResponse) -> bool:
    return event.progress.kind == pb.PROGRESS_KIND_BACK


async def test_what_was_lost_on_the_way_comes_again_and_once(service: App, proxy: Proxy) -> None:
    """Messages that left the service and never arrived are there after the reconnect, in order."""
    alice, bob = Device(service.address, "alice"), Device(proxy.address, "bob")

    async with running(alice, bob):
        await talk(alice, bob)
        for number in range(ROUNDS):
            proxy.swallow()
            say(alice, b"lost %d" % number)
            await proxy.swallowed()
            proxy.cut()
            say(alice, b"late %d" % number)
            welcome = (await bob.until("welcome")).welcome
            assert welcome.resumed
            await alice.until("progress", is_back)
        say(alice, b"last")
        await bob.until("app_message", lambda event: event.app_message.body == b"last")

    assert bob.texts == [
        *(text % number for number in range(ROUNDS) for text in (b"lost %d", b"late %d")),
        b"last",
    ]
    assert bob.seqs == list(range(1, len(bob.seqs) + 1))
    assert proxy.connections == ROUNDS + 1


async def test_what_was_sent_around_a_cut_arrives_once(service: App, proxy: Proxy) -> None:
    """Requests whose acknowledgement was lost are sent again, and the service knows them."""
    alice, bob = Device(service.address, "alice"), Device(proxy.address, "bob")

    async with running(alice, bob):
        await talk(alice, bob)
        for number in range(ROUNDS):
            proxy.swallow()  # the service gets it, its ack is lost
            say(bob, b"unacked %d" % number)
            await alice.until("app_message")
            proxy.cut()
            say(bob, b"offline %d" % number)
            await bob.until("welcome")
            await alice.until("app_message")
        bob.client.send(CALL, hangup=pb.Hangup())
        await asyncio.gather(alice.until("ended"), bob.until("ended"))

    assert alice.texts == [
        text % number for number in range(ROUNDS) for text in (b"unacked %d", b"offline %d")
    ]
    assert not [event for event in bob.heard if event.HasField("error")]


async def test_a_listener_acknowledges_what_it_hears() -> None:
    """A device that sends nothing still empties its mailbox: more arrives than may wait there."""
    settings = LISTEN.model_copy(update={"limits": LimitSettings(unacked_messages=MOST_UNACKED)})
    async with App(settings) as service:
        alice, bob = Device(service.address, "alice"), Device(service.address, "bob")
        async with running(alice, bob):
            await talk(alice, bob)
            for number in range(MOST_UNACKED + 10):
                say(alice, b"%d" % number)
                await bob.until("app_message")
            alice.client.send(CALL, hangup=pb.Hangup())
            end = await bob.until("ended")

    assert end.ended.reason == pb.END_REASON_HANGUP


async def test_a_replaced_client_stays_away(service: App) -> None:
    """When the same device connects elsewhere, the older client ends and does not come back."""
    older, newer = Device(service.address, "alice"), Device(service.address, "alice")

    with pytest.raises(ExceptionGroup) as caught:
        async with running(older), running(newer):
            await asyncio.Event().wait()

    assert caught.group_contains(TurnedAwayError, match="ABORTED")


async def test_a_session_that_is_gone_starts_afresh(proxy: Proxy) -> None:
    """A node that knows nothing says `resumed=false`; what was unacknowledged is dropped."""
    async with App(LISTEN) as elsewhere:
        bob, carol = Device(proxy.address, "bob"), Device(elsewhere.address, "carol")
        async with running(bob, carol):
            proxy.swallow()
            bob.client.send(CALL, ringing=pb.Ringing())
            proxy.target = elsewhere.address
            await proxy.swallowed()
            proxy.cut()
            welcome = (await bob.until("welcome")).welcome
            bob.client.send(CALL, offer=pb.SdpOffer(recipient_user_id="carol", sdp=SDP))
            await carol.until("offer")
            carol.client.send(CALL, ringing=pb.Ringing())
            rung = await bob.until("progress")

    assert not welcome.resumed
    assert rung.seq == 1
    assert not [event for event in bob.heard if event.HasField("error")]


async def test_a_draining_node_is_left(service: App, proxy: Proxy) -> None:
    """Asked to go, the client goes, and finds the node that takes its place."""
    async with App(LISTEN) as elsewhere:
        bob = Device(proxy.address, "bob")
        async with running(bob):
            proxy.target = elsewhere.address
            await service.drain()
            await bob.until("welcome")

    kinds = [event.WhichOneof("payload") for event in bob.heard]
    assert [kind for kind in kinds if kind] == ["welcome", "draining", "welcome"]


@pytest.mark.parametrize(
    ("ack", "sent_again"),
    [(0, [(1, b"first"), (2, b"second")]), (1, [(2, b"second")]), (2, [(3, b"first")])],
    ids=["nothing was stored", "it was stored after all", "what followed was stored"],
)
async def test_what_could_not_be_stored_is_sent_again(
    ack: int, sent_again: list[tuple[int, bytes]]
) -> None:
    """The client comes back for it; the app hears nothing of that."""
    heard: list[tuple[int, bytes]] = []

    async def refuse(stream: Streamed) -> None:
        await stream.welcomes()
        for _ in range(2):
            await stream.hears()
        error = pb.RequestError(in_reply_to=1, code=pb.ERROR_CODE_UNAVAILABLE)
        await stream.says(call=CALL, error=error)
        await stream.stays()

    async def resume(stream: Streamed) -> None:
        await stream.hears()
        await stream.says(ack=ack, welcome=pb.Welcome(session_id="s", resumed=True))
        for _ in sent_again:
            request = await stream.hears()
            heard.append((request.seq, request.app_message.body))
        await stream.says(1, ack=heard[-1][0], call=CALL, ended=pb.CallEnded())
        await stream.stays()

    async with scripted(refuse, resume) as address:
        alice = Device(address, "alice")
        async with running(alice):
            say(alice, b"first")
            say(alice, b"second")
            await alice.until("ended")

    assert heard == sent_again
    assert not [event for event in alice.heard if event.HasField("error")]
