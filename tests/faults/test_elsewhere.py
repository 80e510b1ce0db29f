"""Devices whose streams end at one node and go on at another; two nodes, none of which dies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import grpc
from signaling.v1 import signaling_pb2 as pb

from tests.devices import Device, User, answered_call
from tests.faults.calls import talk
from tests.faults.phone import Phone
from tests.faults.profile import SEED, chance
from tests.faults.run import recorded, say

ROUNDS: Final = 30
# what grpc.aio puts over the status when a write was under way
HIDDEN: Final = (grpc.StatusCode.INTERNAL, "Internal error from Core")
REPLACED: Final = (grpc.StatusCode.ABORTED, "replaced by a newer connection")
REPLACED_TIMEOUT: Final = 1.0  # s; on average, with all that a round does beside
ENDED: Final = (grpc.aio.AioRpcError, asyncio.InvalidStateError)  # a write came too late

Addresses = tuple[str, str]


@asynccontextmanager
async def people(**addresses: str) -> AsyncIterator[list[User]]:
    """Users by name, each at a node of theirs."""
    users = [User(name.partition("_")[0], address) for name, address in addresses.items()]
    try:
        yield users
    finally:
        for user in users:
            await user.close()


async def is_replaced(device: Device) -> None:
    """Its stream ends because there is a newer one."""
    assert await device.is_ended() in (REPLACED, HIDDEN)


async def test_a_replaced_stream_can_not_send(addresses: Addresses) -> None:
    """From the welcome at another node on nothing that the older stream says has an effect."""
    here, there = addresses
    async with (
        people(alice=here, bob=here, alice_again=there) as (alice, bob, newer),
        asyncio.timeout(ROUNDS * REPLACED_TIMEOUT),
    ):
        for _ in range(ROUNDS):
            call = await answered_call(alice, bob)
            newer.phone.welcome = alice.phone.welcome
            newer.phone.seq, newer.phone.received = alice.phone.seq, alice.phone.received
            assert (await newer.phone.resumes()).resumed
            with suppress(*ENDED):
                await alice.phone.hangs_up(call)
            await is_replaced(alice.phone)
            # the seq that the older one used is still free
            await newer.phone.trickles(call, 1)
            assert await bob.phone.hears_candidates(1) == [1]
            await bob.phone.hears_nothing()
            await newer.phone.hangs_up(call)
            await newer.phone.hears_end(pb.END_REASON_HANGUP)
            await bob.phone.hears_end(pb.END_REASON_HANGUP)
            await newer.close()
            await bob.close()


async def test_a_replaced_stream_can_not_ack(addresses: Addresses) -> None:
    """What only the older stream acknowledges, after the welcome of the newer, comes again."""
    here, there = addresses
    async with (
        people(alice=here, bob=here, bob_again=there) as (alice, bob, newer),
        asyncio.timeout(ROUNDS * REPLACED_TIMEOUT),
    ):
        for _ in range(ROUNDS):
            bob.phone.acknowledges = True
            call = await answered_call(alice, bob)
            bob.phone.acknowledges = newer.phone.acknowledges = False
            before = bob.phone.received
            await bob.phone.acks(before)
            await alice.phone.trickles(call, 1, 2)
            assert await bob.phone.hears_candidates(2) == [1, 2]
            newer.phone.welcome = bob.phone.welcome
            newer.phone.received, newer.phone.seq = before, bob.phone.seq
            assert (await newer.phone.resumes()).resumed
            with suppress(*ENDED):
                await bob.phone.acks(bob.phone.received)
            await is_replaced(bob.phone)
            await newer.phone.drops()
            newer.phone.received = before
            assert (await newer.phone.resumes(ack=before)).resumed
            assert await newer.phone.hears_candidates(2) == [1, 2]
            await newer.close()
            await alice.close()


async def test_a_hello_that_remembers_nothing_ends_the_session_elsewhere(
    addresses: Addresses,
) -> None:
    """A new process at another node: the older stream ends, its call is over for the peer."""
    here, there = addresses
    async with (
        people(alice=here, bob=here, alice_again=there) as (alice, bob, newer),
        asyncio.timeout(ROUNDS * REPLACED_TIMEOUT),
    ):
        for _ in range(ROUNDS):
            call = await answered_call(alice, bob)
            assert not (await newer.phone.connects()).resumed
            with suppress(*ENDED):
                await alice.phone.hangs_up(call)
            await is_replaced(alice.phone)
            await bob.phone.hears_end(pb.END_REASON_PEER_GONE)
            await bob.phone.hears_nothing()
            await newer.phone.hears_nothing()
            await newer.close()
            await bob.close()


async def test_a_session_goes_on_at_another_node(addresses: Addresses) -> None:
    """What was on its way both ways arrives once and in order, however often the node changes."""
    random = chance(SEED)
    async with (
        recorded(SEED, "devices move") as ledger,
        Phone("alice/phone", addresses, ledger, SEED) as alice,
        Phone("bob/phone", addresses[::-1], ledger, SEED) as bob,
    ):
        asking, replying = await talk(alice, bob, "call")
        for number in range(ROUNDS):
            for part in (asking, replying):
                part.says(number)
                part.trickles()
            await ledger.hears(random.randrange(4))
            for phone in random.choice([(alice,), (bob,), (alice, bob)]):
                await phone.is_open()
                phone.drop()
        await asyncio.gather(asking.hangs_up(), replying.until("ended"))
    assert ledger.counts["drops"] >= ROUNDS


async def test_first_answer_wins_at_any_node(addresses: Addresses) -> None:
    """Two devices at two nodes answer at once: one has won, the other hears of it, every time."""
    here, there = addresses
    async with people(alice=here, bob_phone=here, bob_tablet=there) as (alice, bob, bob_too):
        phone, tablet = bob.phone, bob_too.tablet
        await alice.connect("phone")
        await phone.connects()
        await tablet.connects()
        wins = {phone: 0, tablet: 0}
        for number in range(ROUNDS):
            call = await alice.phone.offers(bob)
            for device in (phone, tablet):
                await device.hears("offer")
            order = (phone, tablet) if number % 2 else (tablet, phone)
            await asyncio.gather(*(device.answers(call) for device in order))
            answer = await alice.phone.hears("answer")
            winner, loser = (phone, tablet) if answer.sender == phone.message else (tablet, phone)
            await winner.hears_progress(pb.PROGRESS_KIND_WON)
            ended = await loser.hears_end(pb.END_REASON_ANSWERED_ELSEWHERE)
            assert ended.ended_by == winner.message
            await loser.is_refused(pb.ERROR_CODE_WRONG_STATE)
            await alice.phone.hangs_up(call)
            for device in (alice.phone, winner):
                await device.hears_end(pb.END_REASON_HANGUP)
            wins[winner] += 1
        for device in (alice.phone, phone, tablet):
            await device.hears_nothing()
        say(f"wins: {list(wins.values())}")


async def test_late_join_at_another_node(addresses: Addresses) -> None:
    """A call that waits at one node rings at a device that comes to the other."""
    here, there = addresses
    async with people(alice=here, bob=there) as (alice, bob):
        await alice.connect("phone")
        call = await alice.phone.offers(bob, ring_timeout={"seconds": 30})
        await alice.phone.hears_progress(pb.PROGRESS_KIND_WAITING)
        await bob.connect("phone")
        offer = (await bob.phone.hears("offer")).offer
        assert 0 < offer.ring_timeout.ToTimedelta().total_seconds() < 30
        await bob.phone.answers(call)
        await bob.phone.hears_progress(pb.PROGRESS_KIND_WON)
        await alice.phone.hears("answer")
