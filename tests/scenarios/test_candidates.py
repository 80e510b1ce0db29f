"""The scenarios of the requirement "WebRTC ICE Candidates"."""

from signaling.v1 import signaling_pb2 as pb

from tests.devices import User, answered_call, candidate
from tests.shared import over_both

pytestmark = over_both


async def test_send_ice_candidate(alice: User, bob: User) -> None:
    """A candidate reaches the peer as it was sent."""
    call = await answered_call(alice, bob)

    await alice.phone.trickles(call, 7)

    heard = await bob.phone.hears("candidates")
    assert (heard.call_id, heard.sender) == (call, alice.phone.message)
    assert list(heard.candidates.candidates) == [candidate(7)]


async def test_multiple_ice_candidates(alice: User, bob: User) -> None:
    """Many candidates, before the answer and after it, arrive each once and in order."""
    await alice.connect("phone")
    await bob.connect("phone")
    call = await alice.phone.offers(bob)
    await alice.phone.trickles(call, 1, 2, 3)
    await alice.phone.trickles(call, 4)
    await bob.phone.hears("offer")

    await bob.phone.answers(call)
    await bob.phone.hears_progress(pb.PROGRESS_KIND_WON)
    for number in range(5, 30):
        await alice.phone.trickles(call, number)

    assert await bob.phone.hears_candidates(29) == list(range(1, 30))


async def test_ice_candidate_exchange(alice: User, bob: User) -> None:
    """Both sides trickle at the same time, and each gets the other's."""
    call = await answered_call(alice, bob)

    for number in range(1, 11):
        await alice.phone.trickles(call, number)
        await bob.phone.trickles(call, 100 + number)

    assert await bob.phone.hears_candidates(10) == list(range(1, 11))
    assert await alice.phone.hears_candidates(10) == list(range(101, 111))
