"""The scenarios of the requirement "WebRTC Call Signaling"."""

from signaling.v1 import signaling_pb2 as pb

from tests.clock import ManualClock
from tests.devices import User
from tests.shared import over_both

pytestmark = over_both


async def test_complete_call_setup(alice: User, bob: User) -> None:
    """Offer, ringing, answer, candidates both ways, connected, hung up."""
    await alice.connect("phone")
    await bob.connect("phone")

    call = await alice.phone.offers(bob)
    await alice.phone.trickles(call, 1)
    await bob.phone.is_rung()
    await alice.phone.hears_progress(pb.PROGRESS_KIND_RINGING)
    await bob.phone.answers(call)
    await alice.phone.hears("answer")
    await bob.phone.hears_progress(pb.PROGRESS_KIND_WON)
    await bob.phone.trickles(call, 2)
    assert await bob.phone.hears_candidates(1) == [1]
    assert await alice.phone.hears_candidates(1) == [2]
    for this, other in ((alice.phone, bob.phone), (bob.phone, alice.phone)):
        await this.reports(call, pb.PEER_CONNECTION_STATE_CONNECTED)
        heard = await other.hears("connection_state")
        assert heard.connection_state.state == pb.PEER_CONNECTION_STATE_CONNECTED
    await alice.phone.hangs_up(call, "good night")

    for device in (alice.phone, bob.phone):
        assert await device.hears_end(pb.END_REASON_HANGUP) == pb.CallEnded(
            reason=pb.END_REASON_HANGUP, ended_by=alice.phone.message, text="good night"
        )


async def test_call_rejection(alice: User, bob: User) -> None:
    """The recipient says no on one device: the caller hears it, and all stop ringing."""
    await alice.connect("phone")
    await bob.connect("phone", "tablet")
    call = await alice.phone.offers(bob)
    await bob.phone.hears("offer")
    await bob.tablet.hears("offer")

    await bob.phone.rejects(call)

    ended = await alice.phone.hears_end(pb.END_REASON_DECLINED)
    assert ended.ended_by == bob.phone.message
    await bob.phone.hears_end(pb.END_REASON_DECLINED)
    await bob.tablet.hears_end(pb.END_REASON_DECLINED_ELSEWHERE)


async def test_call_timeout(alice: User, bob: User, clock: ManualClock) -> None:
    """Nobody answers in time: the call is over, and both sides hear it, once."""
    await alice.connect("phone")
    await bob.connect("phone")
    await alice.phone.offers(bob)
    await bob.phone.is_rung()
    await alice.phone.hears_progress(pb.PROGRESS_KIND_RINGING)

    clock.advance(59)
    await alice.phone.hears_nothing()
    clock.advance(1)

    await alice.phone.hears_end(pb.END_REASON_NO_ANSWER)
    await bob.phone.hears_end(pb.END_REASON_NO_ANSWER)
    clock.advance(60)
    await alice.phone.hears_nothing()
    await bob.phone.hears_nothing()
