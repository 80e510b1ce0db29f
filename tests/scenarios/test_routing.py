"""The scenarios of the requirement "WebRTC Device-Specific Routing"."""

from signaling.v1 import signaling_pb2 as pb

from tests.devices import User
from tests.shared import over_both

pytestmark = over_both


async def test_route_to_specific_device(alice: User, bob: User) -> None:
    """A call to one device of a user rings there and nowhere else."""
    await alice.connect("phone")
    await bob.connect("phone", "tablet")

    call = await alice.phone.offers(bob.tablet)

    assert (await bob.tablet.hears("offer")).call_id == call
    await bob.phone.hears_nothing()


async def test_route_to_multiple_devices(alice: User, bob: User) -> None:
    """A call to a user rings on every device; the first answer wins, and the others stop."""
    await alice.connect("phone")
    await bob.connect("phone", "tablet", "laptop")

    call = await alice.phone.offers(bob)
    for device in (bob.phone, bob.tablet, bob.laptop):
        await device.hears("offer")
    await bob.tablet.answers(call)

    assert (await alice.phone.hears("answer")).sender == bob.tablet.message
    await bob.tablet.hears_progress(pb.PROGRESS_KIND_WON)
    for loser in (bob.phone, bob.laptop):
        ended = await loser.hears_end(pb.END_REASON_ANSWERED_ELSEWHERE)
        assert ended.ended_by == bob.tablet.message


async def test_route_to_primary_device(alice: User, bob: User) -> None:
    """A call to the primary device rings at the one that was last used."""
    await alice.connect("phone")
    await bob.connect("phone", "tablet", "laptop")
    await bob.tablet.hears_nothing()  # asks something, and so is used

    call = await alice.phone.offers(bob, routing=pb.ROUTING_PRIMARY_DEVICE)

    assert (await bob.tablet.hears("offer")).call_id == call
    await bob.phone.hears_nothing()
    await bob.laptop.hears_nothing()
