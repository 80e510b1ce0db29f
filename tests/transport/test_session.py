"""A session outlives its stream: what a device finds when it comes back, and when it does not."""

from collections.abc import Callable

import pytest
from google.protobuf.duration_pb2 import Duration
from signaling.v1 import signaling_pb2 as pb

from tests.clock import ManualClock
from tests.devices import Device, User, answered_call
from tests.shared import over_both

pytestmark = over_both

UNKNOWN = "bm8gc3VjaCBzZXNzaW9uIQ"


async def test_what_came_meanwhile_comes_once_and_in_order(alice: User, bob: User) -> None:
    """A device that was away gets what it missed, and then what is new."""
    call = await answered_call(alice, bob)
    await bob.phone.half_closes()
    await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
    for number in range(1, 6):
        await alice.phone.trickles(call, number)
    await alice.phone.hears_nothing()

    welcome = await bob.phone.resumes()

    assert welcome.resumed
    assert welcome.last_seq == bob.phone.received + 5
    assert await bob.phone.hears_candidates(5) == [1, 2, 3, 4, 5]
    assert bob.phone.received == welcome.last_seq
    await alice.phone.trickles(call, 6)
    assert await bob.phone.hears_candidates(1) == [6]
    await bob.phone.hears_nothing()


async def test_what_was_not_acknowledged_comes_again(alice: User, bob: User) -> None:
    """What the transport took is not what the app got: everything above the ack, again."""
    call = await answered_call(alice, bob)
    acknowledged = bob.phone.received
    bob.phone.acknowledges = False
    for number in range(1, 6):
        await alice.phone.trickles(call, number)
    assert await bob.phone.hears_candidates(5) == [1, 2, 3, 4, 5]
    await bob.phone.half_closes()

    bob.phone.received = acknowledged + 2  # and not a word of it to the service
    welcome = await bob.phone.resumes()

    assert welcome.last_seq == acknowledged + 5
    assert await bob.phone.hears_candidates(3) == [3, 4, 5]


async def test_session_keeps_its_id(alice: User) -> None:
    """It may be resumed as often as need be."""
    session_id = (await alice.phone.connects()).session_id

    for _ in range(3):
        await alice.phone.half_closes()
        welcome = await alice.phone.resumes()
        assert (welcome.resumed, welcome.session_id) == (True, session_id)


async def test_welcome_acknowledges_what_was_processed(alice: User, bob: User) -> None:
    """So a device knows what to send again; what it sends again in vain is not run twice."""
    call = await answered_call(alice, bob)
    await alice.phone.trickles(call, 1)
    await alice.phone.trickles(call, 2)
    await alice.phone.half_closes()
    await bob.phone.hears_candidates(2)
    await bob.phone.hears_progress(pb.PROGRESS_KIND_AWAY)

    await alice.phone.resumes()
    assert alice.phone.acked_by_service == alice.phone.seq == 3
    alice.phone.seq = 1
    await alice.phone.trickles(call, 1)
    await alice.phone.trickles(call, 2)
    await alice.phone.trickles(call, 3)

    await bob.phone.hears_progress(pb.PROGRESS_KIND_BACK)
    assert await bob.phone.hears_candidates(1) == [3]
    await bob.phone.hears_nothing()


async def test_resume_during_the_ringing(alice: User, bob: User, clock: ManualClock) -> None:
    """An offer that comes again says how much time is left by then."""
    await alice.connect("phone")
    await bob.connect("phone")
    await alice.phone.offers(bob)
    bob.phone.acknowledges = False
    assert (await bob.phone.hears("offer")).offer.ring_timeout.seconds == 60
    await bob.phone.half_closes()

    clock.advance(20)
    bob.phone.received = 0
    await bob.phone.resumes()

    assert (await bob.phone.hears("offer")).offer.ring_timeout.seconds == 40


async def test_end_that_waits_follows_the_welcome(alice: User, bob: User) -> None:
    """On a resume the queue says what happened, and the welcome no more of it."""
    call = await answered_call(alice, bob)
    await bob.phone.half_closes()
    await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
    await alice.phone.hangs_up(call)
    await alice.phone.hears_end(pb.END_REASON_HANGUP)

    welcome = await bob.phone.resumes()

    assert welcome.resumed
    assert not welcome.calls
    assert (await bob.phone.hears("ended")).call_id == call
    await bob.phone.hears_nothing()


async def test_caller_comes_back_to_its_answer(alice: User, bob: User) -> None:
    """It may drop while it calls; the one who answers hears that it is away, then back."""
    await alice.connect("phone")
    await bob.connect("phone")
    call = await alice.phone.offers(bob)
    await bob.phone.hears("offer")
    await alice.phone.half_closes()
    await bob.phone.answers(call)
    await bob.phone.hears_progress(pb.PROGRESS_KIND_WON)
    await bob.phone.hears_progress(pb.PROGRESS_KIND_AWAY)

    await alice.phone.resumes()

    assert (await alice.phone.hears("answer")).call_id == call
    back = await bob.phone.hears_progress(pb.PROGRESS_KIND_BACK)
    assert back.device == alice.phone.message


async def test_peer_hears_away_and_back(alice: User, bob: User) -> None:
    """Of every loss, however the stream was lost; and the call goes on."""
    call = await answered_call(alice, bob)

    for lose in (bob.phone.drops, bob.phone.half_closes):
        await lose()
        away = await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
        assert away.device == bob.phone.message
        await bob.phone.resumes()
        back = await alice.phone.hears_progress(pb.PROGRESS_KIND_BACK)
        assert back.device == bob.phone.message

    await bob.phone.trickles(call, 1)
    assert await alice.phone.hears_candidates(1) == [1]


async def test_session_lives_for_its_window(alice: User, bob: User, clock: ManualClock) -> None:
    """120 s without a stream, and not a moment less."""
    await answered_call(alice, bob)
    await bob.phone.half_closes()
    await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)

    clock.advance(119.9)

    assert (await bob.phone.resumes()).resumed
    await alice.phone.hears_progress(pb.PROGRESS_KIND_BACK)
    clock.advance(120)
    await alice.phone.hears_nothing()


@pytest.mark.parametrize("comes_back", ["resumes", "connects"])
async def test_session_ends_with_its_window(
    alice: User, bob: User, clock: ManualClock, comes_back: str
) -> None:
    """So does its call; the device hears how when it comes after all, and only once."""
    call = await answered_call(alice, bob)
    await bob.phone.half_closes()
    await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)

    clock.advance(120)
    ended = await alice.phone.hears_end(pb.END_REASON_PEER_GONE)
    welcome = await getattr(bob.phone, comes_back)()

    assert not welcome.resumed
    assert list(welcome.calls) == [
        pb.CallSnapshot(
            call_id=call,
            state=pb.CALL_STATE_ENDED,
            peer=alice.phone.message,
            role=pb.CALL_ROLE_CALLEE,
            ended=ended,
        )
    ]
    await bob.phone.hears_nothing()
    assert not (await bob.phone.connects()).calls


async def test_calling_session_cancels_with_its_window(
    alice: User, bob: User, clock: ManualClock
) -> None:
    """A caller that does not come back calls nobody any more."""
    await alice.connect("phone")
    await bob.connect("phone")
    call = await alice.phone.offers(bob, ring_timeout=Duration(seconds=180))
    await bob.phone.hears("offer")
    await alice.phone.half_closes()

    clock.advance(120)

    await bob.phone.hears_end(pb.END_REASON_CANCELLED)
    welcome = await alice.phone.resumes()
    assert [(c.call_id, c.ended.reason) for c in welcome.calls] == [(call, pb.END_REASON_CANCELLED)]


async def test_end_unheard_is_told_until_it_is_heard(
    alice: User, bob: User, clock: ManualClock
) -> None:
    """A welcome that got lost told nothing: the next one says it again."""
    call = await answered_call(alice, bob)
    await bob.phone.half_closes()
    await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
    clock.advance(120)
    await alice.phone.hears_end(pb.END_REASON_PEER_GONE)

    for _ in range(2):
        assert [c.call_id for c in (await bob.phone.connects()).calls] == [call]
        await bob.phone.half_closes()


async def test_end_unheard_of_a_call_that_rang(alice: User, bob: User, clock: ManualClock) -> None:
    """It rang out while the device was away; its session ended then. The welcome says so."""
    await alice.connect("phone")
    await bob.connect("phone")
    call = await alice.phone.offers(bob)
    await bob.phone.is_rung()
    await alice.phone.hears_progress(pb.PROGRESS_KIND_RINGING)
    await bob.phone.half_closes()
    clock.advance(60)
    await alice.phone.hears_end(pb.END_REASON_NO_ANSWER)

    clock.advance(60)
    welcome = await bob.phone.connects()

    assert [(c.call_id, c.state, c.ended.reason) for c in welcome.calls] == [
        (call, pb.CALL_STATE_ENDED, pb.END_REASON_NO_ANSWER)
    ]


async def is_fresh(device: Device, session_id: str, ack: int = 0) -> None:
    """A hello with this session begins another one, without an error."""
    await device.opens()
    await device.sends(hello=pb.Hello(session_id=session_id), seq=0, ack=ack)
    welcome = (await device.hears("welcome")).welcome
    assert not welcome.resumed
    assert welcome.session_id not in (session_id, "")
    device.seq = device.received = 0
    await device.hears_nothing()  # both sides number from 1


async def test_unknown_session_is_a_fresh_one(alice: User) -> None:
    """A mistyped id, or the service has lost its memory."""
    await is_fresh(alice.phone, UNKNOWN)


async def test_empty_session_id_is_a_fresh_one(alice: User) -> None:
    """No id is no secret."""
    await alice.phone.connects()
    await alice.phone.half_closes()

    await is_fresh(alice.phone, "")


async def test_session_of_another_device_is_not_resumed(alice: User, mallory: User) -> None:
    """The id is good for its device alone, and the attempt does it no harm."""
    session_id = (await alice.phone.connects()).session_id

    await is_fresh(alice.tablet, session_id)
    await is_fresh(mallory.phone, session_id)

    await alice.phone.half_closes()
    assert (await alice.phone.resumes()).resumed


async def test_session_is_not_resumed_too_late(alice: User, clock: ManualClock) -> None:
    """When the window is over so is the session, on the stroke."""
    session_id = (await alice.phone.connects()).session_id
    await alice.phone.half_closes()

    clock.advance(120)

    await is_fresh(alice.phone, session_id)


async def test_session_is_not_resumed_above_what_was_sent(alice: User) -> None:
    """An ack of what was never sent: one side has lost its memory."""
    session_id = (await alice.phone.connects()).session_id
    await alice.phone.hears_nothing()
    await alice.phone.half_closes()

    await is_fresh(alice.phone, session_id, ack=2)


async def test_wrong_session_id_ends_the_session_there_was(
    alice: User, bob: User, another: Callable[[Device], Device]
) -> None:
    """The device remembers another life: its calls of this one are over."""
    await answered_call(alice, bob)

    await is_fresh(another(bob.phone), UNKNOWN)

    await alice.phone.hears_end(pb.END_REASON_PEER_GONE)
