"""Real WebRTC peers connect through the service, with candidates that are trickled."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from signaling.v1 import signaling_pb2 as pb

from examples.aiortc_peer import Message, Peer, loopback_candidates
from signaling_service.app import App

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
            peer.leave()


async def talk(one: Peer, other: Peer) -> None:
    """Wait until audio flows both ways, and send a text there and back."""
    await asyncio.gather(one.connected, other.connected, one.heard, other.heard)
    await asyncio.gather(one.opened, other.opened)
    one.say("ping")
    assert await other.texts.get() == "ping"
    other.say("pong")
    assert await one.texts.get() == "pong"


async def test_two_peers_connect_audio_and_data_with_trickled_candidates(service: App) -> None:
    """Descriptions go without candidates, candidates on their own, and both kinds of media flow."""
    record = Record()
    alice = Peer(service.address, "alice", "laptop", record)
    bob = Peer(service.address, "bob", "phone", record)

    async with connected(alice, bob):
        await alice.call("bob")
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
        await alice.call("bob")
        for peer in bobs:
            await peer.offered
            peer.ring()
        quick = bobs[:2]
        await asyncio.gather(*(peer.prepare() for peer in quick))
        for peer in quick:
            peer.answer()
        (winner,) = [peer for peer in quick if peer.connected is await first_connected(quick)]
        (loser,) = [peer for peer in quick if peer is not winner]
        await talk(alice, winner)
        losers = {peer: await peer.ended for peer in bobs if peer is not winner}
        refused = await loser.refused
        winner.hang_up()
        await asyncio.gather(alice.ended, winner.ended)

    user_id, device_id = winner.name.split("/")
    elsewhere = pb.CallEnded(
        reason=pb.END_REASON_ANSWERED_ELSEWHERE,
        ended_by=pb.Device(user_id=user_id, device_id=device_id),
    )
    assert list(losers.values()) == [elsewhere, elsewhere]
    assert (refused.code, refused.ended) == (pb.ERROR_CODE_WRONG_STATE, elsewhere)
    assert [message.sender for message in record.got(alice) if message.HasField("answer")] == [
        elsewhere.ended_by
    ]
    assert not record.sent(loser, "candidates")  # it has not talked to the caller


async def first_connected(peers: list[Peer]) -> asyncio.Future[bool]:
    """The `connected` of the one that connects."""
    done, _ = await asyncio.wait(
        [peer.connected for peer in peers], return_when=asyncio.FIRST_COMPLETED
    )
    (future,) = done
    return future
