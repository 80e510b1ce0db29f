"""What an app sees of its calls, at a real service."""

import pytest
from signaling.v1 import signaling_pb2 as pb

from examples.proxy import Proxy
from signaling_service.app import App
from signaling_service.client import (
    Answered,
    AppMessage,
    Away,
    Back,
    Busy,
    Candidates,
    Cause,
    ClosedError,
    Connected,
    Ended,
    Incoming,
    Lost,
    Missed,
    Offered,
    PeerState,
    Reconnect,
    Refused,
    Rejected,
    Ringing,
    TooLargeError,
    Waiting,
    Won,
)
from signaling_service.client.call import MAX_UNREAD
from tests.devices import candidate, sdp

from .people import all_of, connected, device, next_of, talk, until

ALICE, BOB = (pb.Device(user_id=name, device_id="phone") for name in ("alice", "bob"))
HUNG_UP = Ended(pb.END_REASON_HANGUP, ALICE)


async def test_a_call_from_the_ring_to_the_hangup(service: App) -> None:
    """Each side sees its part, typed, and the end once."""
    alice, bob = device(service.address, "alice"), device(service.address, "bob")
    async with connected(alice, bob):
        call = alice.call("bob", sdp("Aaaa"), metadata={"name": "Alice"}, ring_timeout=20)
        incoming = (await until(bob, Incoming)).call
        incoming.ring()
        incoming.answer(sdp("Bbbb"))
        heard = [await until(call, Ringing), await until(call, Answered)]
        call.send_candidates([candidate(1, "Aaaa"), candidate(2, "Aaaa")])
        call.report("connected")
        call.send(AppMessage(b"hold", "text/plain"))
        call.hangup("bye")
        theirs, ours = await all_of(incoming), await all_of(call)

    assert heard == [Ringing(BOB), Answered(sdp("Bbbb"), BOB, 1)]
    assert (incoming.description, incoming.peer) == (sdp("Aaaa"), ALICE)
    assert dict(incoming.offer.metadata) == {"name": "Alice"}
    assert 0 < incoming.offer.ring_timeout.ToTimedelta().total_seconds() <= 20
    ended = Ended(pb.END_REASON_HANGUP, ALICE, "bye")
    assert theirs == [
        Won(),
        Candidates((candidate(1, "Aaaa"), candidate(2, "Aaaa"))),
        PeerState("connected"),
        AppMessage(b"hold", "text/plain"),
        ended,
    ]
    assert ours == [ended]
    assert call.ended == await call.wait_ended() == ended
    assert (dict(alice.calls), dict(bob.calls)) == ({}, {})


async def test_sealed_descriptions_are_bytes(service: App) -> None:
    """What the apps have encrypted comes out as it went in."""
    alice, bob = device(service.address, "alice"), device(service.address, "bob")
    async with connected(alice, bob):
        call = alice.call("bob", b"sealed offer")
        incoming = (await until(bob, Incoming)).call
        incoming.answer(b"sealed answer")
        answered = await until(call, Answered)

    assert (incoming.description, answered.description) == (b"sealed offer", b"sealed answer")


async def test_nobody_is_there_and_then_somebody_is(service: App) -> None:
    """The caller is told that the offer waits."""
    alice, bob = device(service.address, "alice"), device(service.address, "bob")
    async with connected(alice):
        call = alice.call("bob", sdp())
        assert await until(call, Waiting) == Waiting()
        async with connected(bob):
            incoming = (await until(bob, Incoming)).call
            incoming.reject(pb.REJECT_REASON_BUSY)
            busy = await until(call, Busy)
            ended = await incoming.wait_ended()

    assert busy == Busy(BOB)
    assert ended == Ended(pb.END_REASON_BUSY, BOB)


async def test_a_device_that_cannot_take_the_call(service: App) -> None:
    """Its no is a progress; one that was named ends the call with it."""
    alice, bob = device(service.address, "alice"), device(service.address, "bob")
    async with connected(alice, bob):
        call = alice.call("bob", sdp())
        (await until(bob, Incoming)).call.reject(pb.REJECT_REASON_UNSUPPORTED)
        rejected = await until(call, Rejected)
        named = alice.call("bob", sdp(), device_id="phone")
        (await until(bob, Incoming)).call.reject(pb.REJECT_REASON_UNSUPPORTED)
        ended = await named.wait_ended()

    assert rejected == Rejected(BOB)
    assert ended == Ended(pb.END_REASON_UNSUPPORTED, BOB)


async def test_a_renegotiation_is_answered_by_its_number(service: App) -> None:
    """An answer belongs to the offer that the app has read; the peer's offer is an event."""
    alice, bob = device(service.address, "alice"), device(service.address, "bob")
    async with connected(alice, bob):
        call, incoming = await talk(alice, bob)
        incoming.renegotiate(sdp("Cccc"))
        offered = await until(call, Offered)
        call.answer(sdp("Dddd"))
        answered = await until(incoming, Answered)

    assert offered == Offered(sdp("Cccc"), 2)
    assert answered == Answered(sdp("Dddd"), ALICE, 2)


async def test_glare_is_a_refusal_of_the_offer(service: App) -> None:
    """Both offer at once: the second hears which of its requests was refused, and why."""
    alice, bob = device(service.address, "alice"), device(service.address, "bob")
    async with connected(alice, bob):
        call, incoming = await talk(alice, bob)
        call.renegotiate(sdp("Cccc"))
        await until(incoming, Offered)
        incoming.renegotiate(sdp("Dddd"))
        refused = await until(incoming, Refused)
        incoming.answer(sdp("Eeee"))
        answered = await until(call, Answered)

    assert (refused.request, refused.code) == ("offer", pb.ERROR_CODE_GLARE)
    assert answered.negotiation == 2


async def test_advice_when_the_connection_fails(service: App) -> None:
    """One side is to offer, the other to wait."""
    alice, bob = device(service.address, "alice"), device(service.address, "bob")
    async with connected(alice, bob):
        call, incoming = await talk(alice, bob)
        incoming.report("failed")
        advice = [await until(one, Reconnect) for one in (call, incoming)]

    assert [one.role for one in advice] == [pb.RECONNECT_ROLE_OFFER, pb.RECONNECT_ROLE_WAIT]
    assert {one.attempt for one in advice} == {1}


async def test_an_offer_that_is_refused_ends_its_call(service: App) -> None:
    """There is no call, so the service will say no end: the client does."""
    alice = device(service.address, "alice")
    async with connected(alice):
        call = alice.call("alice", sdp(), device_id="phone")  # the calling device itself
        refused, end = await all_of(call)

    assert isinstance(refused, Refused)
    assert (refused.request, refused.code) == ("call", pb.ERROR_CODE_INVALID_MESSAGE)
    assert end == call.ended == Lost(Cause.REFUSED)


async def test_when_both_call_one_call_lives(service: App) -> None:
    """The second ends and names the first, which its app then answers."""
    alice, bob = device(service.address, "alice"), device(service.address, "bob")
    async with connected(alice, bob):
        first = alice.call("bob", sdp())
        incoming = (await until(bob, Incoming)).call
        second = bob.call("alice", sdp())
        ended = await second.wait_ended()
        assert isinstance(ended, Ended)
        bob.calls[ended.replaced_by].answer(sdp())
        await until(first, Answered)

    assert ended.reason == pb.END_REASON_REPLACED
    assert ended.replaced_by == first.call_id == incoming.call_id


async def test_nothing_is_sent_about_a_call_that_is_over(service: App) -> None:
    """A tap too late is no request."""
    alice, bob = device(service.address, "alice"), device(service.address, "bob")
    async with connected(alice, bob):
        call, incoming = await talk(alice, bob)
        call.hangup()
        await incoming.wait_ended()
        incoming.hangup()
        incoming.report("closed")
        assert await all_of(incoming) == [HUNG_UP]
        other, theirs = await talk(alice, bob)
        other.hangup()

        assert await all_of(theirs) == [HUNG_UP]


async def test_a_call_that_nobody_reads_is_hung_up(service: App) -> None:
    """Full is an end: what waits is bounded, and other calls feel nothing."""
    alice, bob = device(service.address, "alice"), device(service.address, "bob")
    async with connected(alice, bob):
        call, incoming = await talk(alice, bob)
        for number in range(MAX_UNREAD + 1):
            incoming.deliver(AppMessage(b"%d" % number))
        ended = await call.wait_ended()
        unread = await all_of(incoming)

    assert ended == Ended(pb.END_REASON_HANGUP, BOB)
    assert unread[-1] == Lost(Cause.UNREAD)
    assert len(unread) == MAX_UNREAD + 1


async def test_leaving_hangs_up(service: App) -> None:
    """The peer need not wait until the session is over."""
    alice, bob = device(service.address, "alice"), device(service.address, "bob")
    async with connected(bob):
        async with connected(alice):
            _call, incoming = await talk(alice, bob)
        ended = await incoming.wait_ended()

    assert ended == HUNG_UP
    with pytest.raises(ClosedError):
        alice.call("bob", sdp())


async def test_leaving_while_it_rings_declines_nothing(service: App) -> None:
    """Another device of the user may answer yet."""
    alice, bob = device(service.address, "alice"), device(service.address, "bob")
    async with connected(alice):
        call = alice.call("bob", sdp())
        async with connected(bob):
            incoming = (await until(bob, Incoming)).call
            incoming.ring()
            await until(call, Ringing)
        assert incoming.ended == Lost(Cause.CLOSED)
        assert call.ended is None


async def test_what_is_too_large_is_not_sent(service: App) -> None:
    """It would end the stream, and again after every resume."""
    alice = device(service.address, "alice")
    async with connected(alice):
        with pytest.raises(TooLargeError):
            alice.call("bob", "x" * 70_000)


async def test_away_and_back(service: App, proxy: Proxy) -> None:
    """The peer sees that a stream was lost, and what it says meanwhile arrives."""
    alice, bob = device(service.address, "alice"), device(proxy.address, "bob")
    async with connected(alice, bob):
        call, incoming = await talk(alice, bob)
        proxy.is_blocked = True
        proxy.cut()
        away = await until(call, Away)
        call.send(AppMessage(b"still there?"))
        proxy.is_blocked = False
        back, told = await until(call, Back), await until(incoming, AppMessage)

    assert (away, back) == (Away(BOB), Back(BOB))
    assert told == AppMessage(b"still there?")


async def test_a_call_that_came_and_went_in_the_backlog_does_not_ring(
    service: App, proxy: Proxy
) -> None:
    """It is missed, and has its reason; one that still rings is told of as ever."""
    alice, bob = device(service.address, "alice"), device(proxy.address, "bob")
    async with connected(alice, bob):
        proxy.swallow()  # bob's stream lives, for all that the service knows
        gone, rings = (alice.call("bob", sdp()) for _ in range(2))
        gone.hangup()
        await gone.wait_ended()
        await proxy.swallowed()
        proxy.cut()
        await until(bob, Connected)
        missed, incoming = await next_of(bob), await next_of(bob)

    assert isinstance(missed, Missed)
    assert missed.call.call_id == gone.call_id
    assert missed.call.ended == Ended(pb.END_REASON_CANCELLED, ALICE)
    assert isinstance(incoming, Incoming)
    assert incoming.call.call_id == rings.call_id
