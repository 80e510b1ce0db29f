"""The scenarios of the requirement "WebRTC SDP Offer"."""

from signaling.v1 import signaling_pb2 as pb

from tests.clock import ManualClock
from tests.devices import User, sdp
from tests.shared import over_both

pytestmark = over_both


async def test_send_sdp_offer(alice: User, bob: User) -> None:
    """A device sends an offer, and the recipient gets what it needs for its peer connection."""
    await alice.connect("phone")
    await bob.connect("phone")

    call = await alice.phone.offers(bob, sdp=sdp("Al1c"), metadata={"name": "Alice"})

    heard = await bob.phone.hears("offer")
    assert (heard.call_id, heard.sender) == (call, alice.phone.message)
    assert heard.offer.sdp == sdp("Al1c")
    assert heard.offer.metadata == {"name": "Alice"}
    assert heard.offer.negotiation == 1


async def test_sdp_offer_to_online_recipient(alice: User, bob: User, clock: ManualClock) -> None:
    """An offer to somebody who is online goes out at once, with all the time it has to ring."""
    await alice.connect("phone")
    await bob.connect("phone")
    before = clock.now()

    call = await alice.phone.offers(bob)
    heard = await bob.phone.is_rung()

    assert clock.now() == before
    assert heard.offer.ring_timeout.seconds == 60
    progress = await alice.phone.hears("progress")
    assert progress.call_id == call
    assert progress.progress == pb.CallProgress(
        kind=pb.PROGRESS_KIND_RINGING, device=bob.phone.message
    )


async def test_sdp_offer_to_offline_recipient_waits(
    alice: User, bob: User, clock: ManualClock
) -> None:
    """An offer to somebody who is away waits, and goes out when a device comes."""
    await alice.connect("phone")
    call = await alice.phone.offers(bob)
    await alice.phone.hears_progress(pb.PROGRESS_KIND_WAITING)

    clock.advance(20)
    welcome = await bob.phone.connects()

    heard = await bob.phone.hears("offer")
    assert heard.call_id == call
    assert heard.offer.ring_timeout.seconds == 40
    assert [(c.call_id, c.state, c.role) for c in welcome.calls] == [
        (call, pb.CALL_STATE_RINGING, pb.CALL_ROLE_CALLEE)
    ]
    await bob.phone.answers(call)
    await alice.phone.hears("answer")


async def test_sdp_offer_to_offline_recipient_fails(alice: User, bob: User) -> None:
    """An offer that must not wait fails at once when nobody is there."""
    await alice.connect("phone")

    await alice.phone.offers(bob, offline_policy=pb.OFFLINE_POLICY_FAIL)

    await alice.phone.hears_end(pb.END_REASON_UNAVAILABLE)
