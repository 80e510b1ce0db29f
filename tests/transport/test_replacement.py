"""One live stream per device: the newest one wins."""

from collections.abc import Callable

from grpc import StatusCode
from signaling.v1 import signaling_pb2 as pb

from tests.devices import Device, User, answered_call
from tests.shared import over_both
from tests.transport.http2 import Http2

pytestmark = over_both

REPLACED = (StatusCode.ABORTED, "replaced by a newer connection")


async def test_newer_stream_replaces_the_older(
    alice: User, another: Callable[[Device], Device]
) -> None:
    """The older ends ABORTED, whether the newer begins anew or resumes."""
    await alice.phone.connects()

    newer = another(alice.phone)
    assert not (await newer.connects()).resumed
    assert await alice.phone.is_ended() == REPLACED

    newest = another(newer)
    assert (await newest.resumes()).resumed
    assert await newer.is_ended() == REPLACED
    await newest.hears_nothing()


async def test_change_of_network(
    alice: User, bob: User, another: Callable[[Device], Device]
) -> None:
    """A device that resumes while its old stream is still there was never away."""
    call = await answered_call(alice, bob)
    bob.phone.acknowledges = False
    await alice.phone.trickles(call, 1)
    await bob.phone.hears("candidates")

    roaming = another(bob.phone)
    roaming.seq, roaming.received = bob.phone.seq, bob.phone.received - 1
    await roaming.resumes()

    assert await bob.phone.is_ended() == REPLACED
    assert await roaming.hears_candidates(1) == [1]
    await roaming.trickles(call, 2)
    assert await alice.phone.hears_candidates(1) == [2]
    await alice.phone.hears_nothing()


async def test_stream_without_a_hello_replaces_nothing(
    alice: User, another: Callable[[Device], Device]
) -> None:
    """Credentials alone take nothing over."""
    await alice.phone.connects()
    newer = another(alice.phone)

    await newer.opens()
    await newer.is_noticed()

    await alice.phone.hears_nothing()


async def test_end_of_a_replaced_stream_is_no_loss(
    alice: User, bob: User, another: Callable[[Device], Device]
) -> None:
    """When the older stream is gone at last the peer hears nothing: the newer is there."""
    await answered_call(alice, bob)
    roaming = another(bob.phone)
    roaming.seq, roaming.received = bob.phone.seq, bob.phone.received
    await roaming.resumes()

    assert await bob.phone.is_ended() == REPLACED

    await alice.phone.hears_nothing()
    await roaming.hears_nothing()


async def test_replaced_stream_can_neither_send_nor_ack(
    alice: User, bob: User, http2: Callable[[], Http2]
) -> None:
    """It has not heard of its end yet, and hangs up: the call goes on, its ack does not count."""
    call = await answered_call(alice, bob)
    await bob.phone.half_closes()
    await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
    bob.phone.acknowledges = False
    older = http2()
    await older.open()
    session_id, ack = bob.phone.welcome.session_id, bob.phone.received
    older.request(1, bob.phone.identity)
    older.send(1, pb.ConnectRequest(hello=pb.Hello(session_id=session_id), ack=ack))
    await alice.phone.hears_progress(pb.PROGRESS_KIND_BACK)
    await alice.phone.offers(call=call)

    await bob.phone.resumes()
    await bob.phone.hears("offer")
    older.send(1, pb.ConnectRequest(seq=2, ack=ack + 1, call_id=call, hangup=pb.Hangup()))

    assert (await older.reads_all(1))[1] == StatusCode.ABORTED.value[0]
    await alice.phone.hears_nothing()
    await bob.phone.half_closes()
    bob.phone.received = ack
    await bob.phone.resumes()
    assert (await bob.phone.hears("offer")).call_id == call
