"""The scenarios of the requirement "WebRTC SDP Answer"."""

from signaling.v1 import signaling_pb2 as pb

from tests.devices import User, sdp
from tests.shared import over_both

pytestmark = over_both


async def test_send_sdp_answer(alice: User, bob: User) -> None:
    """The recipient accepts, and the caller gets the answer that completes its connection."""
    await alice.connect("phone")
    await bob.connect("phone")
    call = await alice.phone.offers(bob)
    await bob.phone.hears("offer")

    await bob.phone.answers(call, ufrag="B0bs")

    heard = await alice.phone.hears("answer")
    assert heard.answer.sdp == sdp("B0bs")
    assert heard.answer.negotiation == 1
    await bob.phone.hears_progress(pb.PROGRESS_KIND_WON)


async def test_sdp_answer_routing(alice: User, bob: User) -> None:
    """Of two calls by two devices each answer goes to the device that called."""
    await alice.connect("phone", "laptop")
    await bob.connect("phone")
    from_phone = await alice.phone.offers(bob)
    await bob.phone.hears("offer")
    from_laptop = await alice.laptop.offers(bob)
    await bob.phone.hears("offer")

    await bob.phone.answers(from_laptop, ufrag="Lapt")
    await bob.phone.answers(from_phone, ufrag="Phon")

    to_phone = await alice.phone.hears("answer")
    to_laptop = await alice.laptop.hears("answer")
    assert (to_phone.call_id, to_phone.answer.sdp) == (from_phone, sdp("Phon"))
    assert (to_laptop.call_id, to_laptop.answer.sdp) == (from_laptop, sdp("Lapt"))
    assert to_phone.sender == to_laptop.sender == bob.phone.message
