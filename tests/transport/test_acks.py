"""Numbers and acknowledgements, in both directions (XEP-0198 in spirit)."""

from grpc import StatusCode
from signaling.v1 import signaling_pb2 as pb

from tests.clock import ManualClock
from tests.devices import User, answered_call
from tests.shared import over_both
from tests.transport.settings import limited

pytestmark = over_both

UNKNOWN_PAYLOAD = b"\xf2\x3e\x03new"  # field 1006, of a client newer than the service


async def test_32_requests_are_acknowledged_at_once(alice: User, bob: User) -> None:
    """Not one by one, and without any time passing."""
    call = await answered_call(alice, bob)

    for number in range(32):
        await alice.phone.trickles(call, number)

    await alice.phone.is_acknowledged()
    assert alice.phone.bare_acks == [33]


async def test_fewer_requests_are_acknowledged_after_200_ms(
    alice: User, bob: User, clock: ManualClock
) -> None:
    """Reckoned from the first of them."""
    call = await answered_call(alice, bob)
    await alice.phone.trickles(call, 1)
    await bob.phone.hears_candidates(1)
    clock.advance(0.19)
    await alice.phone.trickles(call, 2)
    await bob.phone.hears_candidates(1)

    clock.advance(0.01)

    await alice.phone.is_acknowledged()
    assert alice.phone.bare_acks == [3]


async def test_acks_ride_on_responses(alice: User, bob: User, clock: ManualClock) -> None:
    """Whatever goes out carries the ack; there is no bare one then."""
    call = await answered_call(alice, bob)
    await alice.phone.trickles(call, 1)
    await bob.phone.hears_candidates(1)

    await bob.phone.trickles(call, 2)

    assert (await alice.phone.hears("candidates")).ack == alice.phone.seq
    clock.advance(0.2)
    await alice.phone.hears_nothing()
    assert alice.phone.bare_acks == []


async def test_device_acks_are_cumulative(alice: User, bob: User) -> None:
    """An ack is for everything up to it; a lower one takes nothing back."""
    call = await answered_call(alice, bob)
    bob.phone.acknowledges = False
    for number in range(1, 6):
        await alice.phone.trickles(call, number)
    await bob.phone.hears_candidates(5)
    last = bob.phone.received

    await bob.phone.acks(last - 1)
    await bob.phone.acks(last - 4)
    await bob.phone.half_closes()
    bob.phone.received = last - 1
    welcome = await bob.phone.resumes(ack=1)

    assert welcome.resumed
    assert await bob.phone.hears_candidates(1) == [5]
    await bob.phone.hears_nothing()


async def test_device_acks_ride_on_requests(alice: User, bob: User) -> None:
    """Also on one that is refused, and on one that was processed before."""
    call = await answered_call(alice, bob)
    bob.phone.acknowledges = False
    await alice.phone.trickles(call, 1)
    await alice.phone.trickles(call, 2)
    await bob.phone.hears_candidates(2)
    last = bob.phone.received

    await bob.phone.sends(call="no-such-call", ringing=pb.Ringing(), ack=last - 1)
    await bob.phone.is_refused(pb.ERROR_CODE_CALL_NOT_FOUND)
    await bob.phone.sends(call=call, answer=pb.SdpAnswer(), seq=1, ack=last)
    await bob.phone.half_closes()
    bob.phone.received = last
    await bob.phone.resumes(ack=0)

    await bob.phone.is_refused(pb.ERROR_CODE_CALL_NOT_FOUND)
    await bob.phone.hears_nothing()


async def test_ack_above_what_was_sent_ends_the_stream(alice: User) -> None:
    """The device's memory is not to be trusted."""
    await alice.phone.connects()
    await alice.phone.hears_nothing()

    await alice.phone.acks(2)

    assert await alice.phone.is_ended() == (
        StatusCode.INVALID_ARGUMENT,
        "ack: above what was sent",
    )
    assert (await alice.phone.resumes()).resumed


async def test_request_with_an_ack_too_high_has_no_effect(alice: User, bob: User) -> None:
    """Nothing of it counts: the call goes on, and the request may come again."""
    call = await answered_call(alice, bob)

    await alice.phone.sends(call=call, hangup=pb.Hangup(), ack=1000)

    assert (await alice.phone.is_ended())[0] is StatusCode.INVALID_ARGUMENT
    await bob.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
    await alice.phone.resumes()
    assert alice.phone.acked_by_service == alice.phone.seq - 1


async def test_gap_ends_the_stream(alice: User, bob: User) -> None:
    """A request is missing, so what follows must not be done."""
    call = await answered_call(alice, bob)

    await alice.phone.sends(call=call, hangup=pb.Hangup(), seq=3)

    assert await alice.phone.is_ended() == (StatusCode.INVALID_ARGUMENT, "seq: there is a gap")
    await bob.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
    assert (await alice.phone.resumes()).resumed
    await bob.phone.hears_progress(pb.PROGRESS_KIND_BACK)


async def test_duplicate_is_acknowledged_again(alice: User, bob: User) -> None:
    """And has no effect, not even with another content."""
    call = await answered_call(alice, bob)
    await alice.phone.trickles(call, 1)
    await bob.phone.hears_candidates(1)

    await alice.phone.sends(call=call, hangup=pb.Hangup(), seq=1)

    await alice.phone.is_acknowledged(2)
    assert alice.phone.bare_acks == [2]
    await bob.phone.hears_nothing()


async def test_refused_request_counts_as_processed(alice: User) -> None:
    """Its number is used: to try again takes a new one."""
    await alice.phone.connects()
    await alice.phone.rings("no-such-call")
    await alice.phone.is_refused(pb.ERROR_CODE_CALL_NOT_FOUND)

    alice.phone.seq -= 1
    await alice.phone.rings("no-such-call")
    await alice.phone.is_acknowledged(1)
    await alice.phone.rings("no-such-call")

    error = await alice.phone.is_refused(pb.ERROR_CODE_CALL_NOT_FOUND)
    assert error.in_reply_to == 2


async def test_unnumbered_requests(alice: User, bob: User) -> None:
    """Somebody at a terminal: processed, each time, and the answer is as unnumbered."""
    await alice.connect("phone")
    await bob.connect("phone")

    for _ in range(2):
        await alice.phone.sends(call="no-such-call", ringing=pb.Ringing(), seq=0)
        refused = await alice.phone.hears("error")
        assert (refused.seq, refused.error.in_reply_to) == (0, 0)
        assert refused.call_id == "no-such-call"
        assert refused.error.code == pb.ERROR_CODE_CALL_NOT_FOUND
    await alice.phone.sends(
        call="by-hand", offer=pb.SdpOffer(recipient_user_id="bob", sdp="v=0"), seq=0
    )
    assert (await bob.phone.hears("offer")).call_id == "by-hand"


async def test_unnumbered_error_does_not_come_again(alice: User) -> None:
    """It is no part of the session."""
    await alice.phone.connects()
    await alice.phone.sends(call="no-such-call", ringing=pb.Ringing(), seq=0)
    await alice.phone.hears("error")

    await alice.phone.half_closes()

    assert (await alice.phone.resumes()).last_seq == 0
    await alice.phone.hears_nothing()


async def test_unknown_payload_is_unsupported(alice: User) -> None:
    """A newer client asks for something: it hears that this service cannot, and goes on."""
    await alice.phone.connects()
    alice.phone.seq = 1

    await alice.phone.writes(pb.ConnectRequest.FromString(b"\x08\x01" + UNKNOWN_PAYLOAD))

    error = await alice.phone.is_refused(pb.ERROR_CODE_INVALID_MESSAGE)
    assert error.detail.startswith("unsupported")
    await alice.phone.hears_nothing()


async def test_refresh_is_not_for_dev_credentials(alice: User) -> None:
    """There is no token to renew; the stream stays."""
    await alice.phone.connects()

    await alice.phone.sends(refresh=pb.Refresh(access_token="canary"))  # noqa: S106 - not one

    error = await alice.phone.is_refused(pb.ERROR_CODE_NOT_ALLOWED)
    assert "canary" not in error.detail
    await alice.phone.hears_nothing()


@limited(candidates_per_generation=3)
async def test_numbers_have_no_gap(alice: User, bob: User) -> None:
    """Messages of calls and errors are one sequence; a device insists on that in `hears`."""
    call = await answered_call(alice, bob)
    await alice.phone.trickles(call, 1, 2, 3)
    await alice.phone.trickles(call, 4)
    await alice.phone.is_refused(pb.ERROR_CODE_LIMIT_EXCEEDED)
    await bob.phone.trickles(call, 5)
    await alice.phone.hears_candidates(1)
    await alice.phone.hears_nothing()

    await bob.phone.hangs_up(call)

    assert (await alice.phone.hears("ended")).seq == 5
