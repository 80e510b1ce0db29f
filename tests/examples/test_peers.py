"""Real WebRTC peers connect through the service, with candidates that are trickled."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from signaling.v1 import signaling_pb2 as pb

from examples import aiortc_call
from examples.aiortc_media import loopback_candidates
from examples.aiortc_peer import Message, Peer
from signaling_service.app import App
from signaling_service.client import Ended

DEADLINE = 30.0  # s, for a whole call on a busy machine


class Record:
    """Every message, in the order in which its device sent or got it."""

    def __init__(self) -> None:
        self._messages: list[tuple[str, Message]] = []

    def __call__(self, peer: Peer, message: Message) -> None:
        """Keep a message: a peer's `observe`."""
        self._messages.append((peer.name, message))

    def sent(self, peer: Peer, kind: str) -> list[pb.ConnectRequest]:
        """What the device has sent of a kind."""
        return [
            message
            for name, message in self._messages
            if name == peer.name
            and isinstance(message, pb.ConnectRequest)
            and message.WhichOneof("payload") == kind
        ]

    def got(self, peer: Peer) -> list[pb.ConnectResponse]:
        """The numbered messages that the device has got."""
        return [
            message
            for name, message in self._messages
            if name == peer.name and isinstance(message, pb.ConnectResponse) and message.seq
        ]


@pytest.fixture(autouse=True)
def _loopback() -> Iterator[None]:
    """Let peers gather loopback candidates, so that they connect without any network."""
    with loopback_candidates():
        yield


@asynccontextmanager
async def connected(*peers: Peer) -> AsyncIterator[None]:
    """The peers have their welcome; they leave at the end."""
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as group:
        for peer in peers:
            group.create_task(peer.run())
        for peer in peers:
            await peer.welcomed
        yield
        for peer in peers:
            await peer.leave()


async def talk(one: Peer, other: Peer) -> None:
    """Wait until audio flows both ways, and send a text there and back."""
    for media in (one.media, other.media):
        await asyncio.gather(media.connected, media.heard, media.opened)
    one.media.say("ping")
    assert await other.media.texts.get() == "ping"
    other.media.say("pong")
    assert await one.media.texts.get() == "pong"


async def test_two_peers_connect_audio_and_data_with_trickled_candidates(service: App) -> None:
    """Descriptions go without candidates, candidates on their own, and both kinds of media flow."""
    record = Record()
    alice = Peer(service.address, "alice", "laptop", record)
    bob = Peer(service.address, "bob", "phone", record)

    async with connected(alice, bob):
        await alice.dial("bob")
        await bob.prepare()
        bob.answer()
        await talk(alice, bob)
        alice.hang_up()
        told = [await alice.ended, await bob.ended]

    assert [ended.reason for ended in told] == [pb.END_REASON_HANGUP] * 2
    (offer,), (answer,) = record.sent(alice, "offer"), record.sent(bob, "answer")
    assert "a=candidate" not in offer.offer.sdp + answer.answer.sdp
    for sender, receiver in ((alice, bob), (bob, alice)):
        (sent,) = record.sent(sender, "candidates")
        assert len(sent.candidates.candidates) >= 2  # one at least, and the end of them
        assert [m.candidates for m in record.got(receiver) if m.HasField("candidates")] == [
            sent.candidates
        ]


async def test_one_of_two_answers_in_the_same_instant_wins_and_connects(service: App) -> None:
    """Three devices ring and two answer at once: one connects, both others hear who has it."""
    record = Record()
    alice = Peer(service.address, "alice", "laptop", record)
    bobs = [Peer(service.address, "bob", name, record) for name in ("phone", "tablet", "watch")]

    async with connected(alice, *bobs):
        await alice.dial("bob")
        for peer in bobs:
            await peer.offered
            peer.ring()
        quick = bobs[:2]
        await asyncio.gather(*(peer.prepare() for peer in quick))
        for peer in quick:
            peer.answer()
        winner, loser = await by_ends(*quick)
        await talk(alice, winner)
        losers = [await peer.ended for peer in bobs if peer is not winner]
        winner.hang_up()
        await asyncio.gather(alice.ended, winner.ended)

    user_id, device_id = winner.name.split("/")
    elsewhere = Ended(
        pb.END_REASON_ANSWERED_ELSEWHERE, pb.Device(user_id=user_id, device_id=device_id)
    )
    assert losers == [elsewhere, elsewhere]
    assert [message.sender for message in record.got(alice) if message.HasField("answer")] == [
        elsewhere.ended_by
    ]
    assert not record.sent(loser, "candidates")  # it has not talked to the caller


async def by_ends(one: Peer, other: Peer) -> tuple[Peer, Peer]:
    """The winner, and the loser: whose call ends first."""
    await asyncio.wait([one.ended, other.ended], return_when=asyncio.FIRST_COMPLETED)
    return (other, one) if one.ended.done() else (one, other)


async def test_the_short_example_talks(
    service: App, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The wiring in eighty lines is a call: connected at both sides, and hung up."""
    monkeypatch.setattr(aiortc_call, "TALK", 1.0)  # so long is its call
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as group:
        group.create_task(aiortc_call.main("bob", "", service.address))
        group.create_task(aiortc_call.main("alice", "bob", service.address))

    printed = capsys.readouterr().out
    assert printed.count("PeerState(state='connected')") == 2
    assert printed.count("Ended(") == 2
    assert "candidate:" not in printed
