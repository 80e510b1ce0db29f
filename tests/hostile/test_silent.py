"""Peers that stop, in a service that finds them soon."""

from collections.abc import AsyncIterator

import pytest
from signaling.v1 import signaling_pb2 as pb

from tests.devices import sdp
from tests.faults.health import SERVICE, SERVING, turns
from tests.hostile import silent
from tests.hostile.floods import somebody
from tests.hostile.victim import Victim, victim
from tests.transport.node import people

MANY = 100  # connections
FULL = 30  # unacknowledged messages
IMPATIENT = {
    "SIGNALING_LIMIT_CONNECTION_IDLE_SECONDS": "1",
    "SIGNALING_LIMIT_KEEPALIVE_SECONDS": "2",
    "SIGNALING_LIMIT_KEEPALIVE_TIMEOUT_SECONDS": "2",
    "SIGNALING_LIMIT_STUCK_WRITE_SECONDS": "1",
    "SIGNALING_LIMIT_UNACKED_MESSAGES": str(FULL),
    "SIGNALING_LIMIT_CALLS_PER_DEVICE": str(MANY),
    "SIGNALING_LIMIT_OFFERS_BURST": str(MANY),
}
SHORT_LIVED = {"SIGNALING_LIMIT_CONNECTION_AGE_SECONDS": "3"}


@pytest.fixture(name="impatient")
async def _impatient() -> AsyncIterator[Victim]:
    async with victim(**IMPATIENT) as running:
        yield running
        running.has_logged_no_mistake()


async def test_half_open_connections(impatient: Victim) -> None:
    """A silent TCP connection, half a preface, an RPC without a hello: none stays."""
    async with silent.silent(silent.UNKNOWN, impatient.address, MANY, reading=True):
        await impatient.is_well()
        await impatient.has_let_go()
    await impatient.has_streams(0)


async def test_peers_that_stop_in_the_middle(impatient: Victim) -> None:
    """Of a frame, a message, or in reading: who answers no ping is gone, and so is its stream."""
    async with silent.silent(silent.KNOWN, impatient.address, MANY, reading=False):
        await impatient.is_well()
        await impatient.has_let_go()
        await impatient.has_streams(0)


async def test_no_stream_outlives_the_age_limit() -> None:
    """Who answers pings, and does nothing else, stays until the age of its connection is over."""
    async with victim(**IMPATIENT, **SHORT_LIVED) as aging:
        async with silent.silent(silent.KNOWN, aging.address, MANY, reading=True):
            await aging.has_let_go()
            await aging.has_streams(0)
        await aging.is_well()
        aging.has_logged_no_mistake()


async def test_slow_readers(impatient: Victim) -> None:
    """A hundred that take calls and acknowledge nothing, or may not be sent a byte.

    Each call ends when its mailbox is full, and nothing else does.
    """
    async with (
        silent.connections_to(impatient.address, MANY) as connections,
        people(impatient.node, "alice") as (alice,),
    ):
        await alice.phone.connects()
        for number, connection in enumerate(connections):
            user, _ = somebody(number, 1)
            call = f"slow-{number}"
            offer = pb.SdpOffer(recipient_user_id=user[1], sdp=sdp())
            await alice.phone.sends(call=call, offer=offer)
            await alice.phone.hears_progress(pb.PROGRESS_KIND_WAITING)
            await connection.open(window=0 if number % 2 else 65535)
            silent.answering(call, number, connection)
            await alice.phone.hears("answer")
            for _ in range(FULL - 1):  # the offer, and that it has won, are there too
                await alice.phone.sends(call=call, app_message=pb.AppMessage(body=b"x" * 1000))
            ended = await alice.phone.hears_end(pb.END_REASON_PEER_GONE)
            assert ended.ended_by.user_id == user[1]
        await alice.phone.hears_nothing()
    await impatient.is_well()
    await impatient.has_streams(0)
    await impatient.has_let_go()


async def test_watcher_of_health_that_does_not_read(impatient: Victim) -> None:
    """Others are told all the same, and the service stops when it is asked to."""
    async with silent.silent([silent.watches_health], impatient.address, 1, reading=True):
        await turns(impatient.address, SERVICE, SERVING)
        impatient.node.terminate()
        assert await impatient.node.exits() == 0
