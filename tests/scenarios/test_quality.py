"""The scenarios of the requirement "WebRTC Call Quality"."""

from signaling.v1 import signaling_pb2 as pb

from tests.clock import ManualClock
from tests.devices import User, answered_call, sdp
from tests.shared import over_both

pytestmark = over_both


async def test_optimize_connection_path(alice: User, bob: User) -> None:
    """Every candidate of both sides arrives, late ones too: peers can pick the best path."""
    call = await answered_call(alice, bob)
    await alice.phone.trickles(call, 1, 2)
    await bob.phone.trickles(call, 11)
    await alice.phone.reports(call, pb.PEER_CONNECTION_STATE_CONNECTED)
    assert await bob.phone.hears_candidates(2) == [1, 2]
    await bob.phone.hears("connection_state")

    await bob.phone.trickles(call, 12)  # a better path, found when connected already

    assert await alice.phone.hears_candidates(2) == [11, 12]


async def test_handle_connection_failures(alice: User, bob: User, clock: ManualClock) -> None:
    """A failed connection: both hear of it, one restarts ICE, and the call goes on."""
    call = await answered_call(alice, bob)
    await alice.phone.reports(call, pb.PEER_CONNECTION_STATE_CONNECTED)
    await bob.phone.hears("connection_state")

    await bob.phone.reports(call, pb.PEER_CONNECTION_STATE_FAILED)

    assert (await alice.phone.hears("connection_state")).connection_state.state == (
        pb.PEER_CONNECTION_STATE_FAILED
    )
    advice = (await alice.phone.hears("reconnect")).reconnect
    assert (advice.role, advice.attempt) == (pb.RECONNECT_ROLE_OFFER, 1)
    advice = (await bob.phone.hears("reconnect")).reconnect
    assert (advice.role, advice.attempt) == (pb.RECONNECT_ROLE_WAIT, 1)
    await alice.phone.offers(call=call, sdp=sdp("Next"))
    assert (await bob.phone.hears("offer")).offer.negotiation == 2
    await bob.phone.answers(call, ufrag="Xten", negotiation=2)
    await alice.phone.hears("answer")
    await alice.phone.reports(call, pb.PEER_CONNECTION_STATE_CONNECTED)
    await bob.phone.hears("connection_state")
    clock.advance(60)
    await alice.phone.hears_nothing()
    await bob.phone.hears_nothing()


async def test_handle_connection_failures_for_good(
    alice: User, bob: User, clock: ManualClock
) -> None:
    """When nothing helps the call ends, and both hear why."""
    call = await answered_call(alice, bob)
    await alice.phone.reports(call, pb.PEER_CONNECTION_STATE_CONNECTED)
    await bob.phone.hears("connection_state")
    await bob.phone.reports(call, pb.PEER_CONNECTION_STATE_FAILED)
    await alice.phone.hears("connection_state")
    await alice.phone.hears("reconnect")
    await bob.phone.hears("reconnect")

    clock.advance(30)

    await alice.phone.hears_end(pb.END_REASON_CONNECTION_LOST)
    await bob.phone.hears_end(pb.END_REASON_CONNECTION_LOST)
