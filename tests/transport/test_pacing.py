"""A device that sends too fast is slowed down; only offers are refused."""

from google.protobuf.duration_pb2 import Duration
from grpc import StatusCode
from signaling.v1 import signaling_pb2 as pb

from tests.clock import ManualClock
from tests.devices import Device, User, answered_call
from tests.transport.settings import limited


async def says(device: Device, call: str, size: int = 4) -> None:
    """Send the peer's app a message of `size` bytes."""
    await device.sends(call=call, app_message=pb.AppMessage(body=b"x" * size))


@limited(others_burst=5, others_per_second=2)
async def test_device_is_paced(alice: User, bob: User, clock: ManualClock) -> None:
    """It is read no faster than its bucket fills; nothing is refused, nothing lost."""
    call = await answered_call(alice, bob)
    for number in range(20):
        await says(alice.phone, call, size=number)

    heard = [len((await bob.phone.hears("app_message")).app_message.body) for _ in range(5)]
    await alice.tablet.connects()  # meanwhile anybody else is served
    await alice.tablet.hears_nothing()
    await bob.phone.hears_nothing()
    for _ in range(15):
        clock.advance(0.5)
        heard.append(len((await bob.phone.hears("app_message")).app_message.body))
    assert heard == list(range(20))


@limited(candidates_burst=5, candidates_per_second=10)
async def test_candidates_are_paced_by_themselves(
    alice: User, bob: User, clock: ManualClock
) -> None:
    """Their bucket is another one: hangup and the like don't wait for candidates to fit."""
    call = await answered_call(alice, bob)
    for _ in range(3):
        await says(alice.phone, call)
        await bob.phone.hears("app_message")

    for number in range(8):
        await alice.phone.trickles(call, number)

    assert await bob.phone.hears_candidates(5) == [0, 1, 2, 3, 4]
    await bob.phone.hears_nothing()
    clock.advance(0.3)
    assert await bob.phone.hears_candidates(3) == [5, 6, 7]


@limited(offers_burst=2, offers_per_second=0.5, calls_per_device=100)
async def test_offers_are_refused(alice: User, bob: User, clock: ManualClock) -> None:
    """Somebody waits for the phone to ring: too many offers hear at once when to try again."""
    await alice.phone.connects()
    for _ in range(2):
        await alice.phone.offers(bob)
        await alice.phone.hears_progress(pb.PROGRESS_KIND_WAITING)

    await alice.phone.offers(bob)
    error = await alice.phone.is_refused(pb.ERROR_CODE_RATE_LIMITED)
    assert error.retry_after == Duration(seconds=2)
    assert "2 at once, then 0.5 a second" in error.detail

    clock.advance(2)
    await alice.phone.offers(bob)
    await alice.phone.hears_progress(pb.PROGRESS_KIND_WAITING)


@limited(others_burst=2, others_per_second=1)
async def test_a_new_stream_is_no_new_burst(alice: User, bob: User, clock: ManualClock) -> None:
    """A device that comes back goes on at the pace it had."""
    call = await answered_call(alice, bob)
    await says(alice.phone, call)
    await says(alice.phone, call)
    await bob.phone.hears("app_message")
    await bob.phone.hears("app_message")
    await alice.phone.drops()
    await bob.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
    await alice.phone.resumes()
    await bob.phone.hears_progress(pb.PROGRESS_KIND_BACK)

    await says(alice.phone, call)

    await alice.tablet.connects()
    await bob.tablet.connects()  # nothing came until all this was done
    clock.advance(1)
    await bob.phone.hears("app_message")


@limited(acks_burst=3, acks_per_second=1)
async def test_acks_are_paced(alice: User, bob: User, clock: ManualClock) -> None:
    """Bare acks and duplicates cost the service work, too."""
    await alice.phone.connects()
    await bob.phone.connects()
    for _ in range(4):
        await alice.phone.acks(0)
    call = await alice.phone.offers(bob)
    await bob.tablet.connects()

    clock.advance(1)

    assert (await bob.phone.hears("offer")).call_id == call


@limited(hellos_burst=3, hellos_per_second=0.5)
async def test_streams_of_a_user(alice: User, bob: User, clock: ManualClock) -> None:
    """A user's devices open so many streams; who is turned away hears the limit."""
    for _ in range(3):
        await alice.phone.connects()

    await alice.tablet.opens()
    ended = await alice.tablet.is_ended()

    assert ended == (
        StatusCode.RESOURCE_EXHAUSTED,
        "streams of a user: at most 3 at once, then 0.5 a second",
    )
    await bob.phone.connects()
    clock.advance(2)
    await alice.tablet.connects()
