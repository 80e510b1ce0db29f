"""The first word of a stream: the hello, and the welcome that answers it."""

from collections.abc import Callable

import pytest
from google.protobuf.duration_pb2 import Duration
from grpc import StatusCode
from signaling.v1 import signaling_pb2 as pb

from tests.clock import ManualClock
from tests.devices import Device, User, answered_call, sdp
from tests.shared import over_both
from tests.transport.http2 import Http2
from tests.transport.settings import settings

pytestmark = over_both

IDENTITY = (("user-id", "bob"), ("device-id", "phone"))


async def test_hello_comes_first(alice: User) -> None:
    """Any other request ends the stream."""
    await alice.phone.opens()

    await alice.phone.sends(call="call", ringing=pb.Ringing())

    assert await alice.phone.is_ended() == (
        StatusCode.FAILED_PRECONDITION,
        "the first request must be a hello",
    )


async def test_bare_ack_is_no_hello(alice: User) -> None:
    """Not even an ack comes before it."""
    await alice.phone.opens()

    await alice.phone.acks(0)

    assert (await alice.phone.is_ended())[0] is StatusCode.FAILED_PRECONDITION


async def test_second_hello_ends_the_stream(alice: User) -> None:
    """A session is opened once; it may be resumed."""
    await alice.phone.connects()

    await alice.phone.sends(hello=pb.Hello(), seq=0)

    assert await alice.phone.is_ended() == (
        StatusCode.FAILED_PRECONDITION,
        "the session is open already",
    )
    assert (await alice.phone.resumes()).resumed


async def test_hello_is_unnumbered(alice: User) -> None:
    """It belongs to no session yet."""
    await alice.phone.opens()

    await alice.phone.sends(hello=pb.Hello(), seq=1)

    assert (await alice.phone.is_ended())[0] is StatusCode.INVALID_ARGUMENT


async def test_stream_without_hello_ends_after_5_s(alice: User, clock: ManualClock) -> None:
    """Not a moment earlier: a hello at the last moment is welcome."""
    for device in (alice.phone, alice.tablet):
        await device.opens()
        await device.is_noticed()

    clock.advance(4.9)
    await alice.phone.sends(hello=pb.Hello(), seq=0)
    await alice.phone.hears("welcome")
    clock.advance(0.1)

    assert await alice.tablet.is_ended() == (StatusCode.DEADLINE_EXCEEDED, "no hello in time")
    await alice.phone.hears_nothing()


@pytest.mark.parametrize(
    ("hello", "text"),
    [
        (pb.Hello(agent="a" * 257), "hello.agent: 257 bytes, at most 256"),
        (pb.Hello(labels={"version": "1" * 1018}), "hello.labels: 1025 bytes, at most 1024"),
    ],
    ids=["agent", "labels"],
)
async def test_hello_is_bounded(alice: User, hello: pb.Hello, text: str) -> None:
    """An agent of 256 bytes, labels of 1 KiB."""
    await alice.phone.opens()

    await alice.phone.sends(hello=hello, seq=0)

    assert await alice.phone.is_ended() == (StatusCode.INVALID_ARGUMENT, text)


async def test_largest_hello_is_welcome(alice: User) -> None:
    """Up to its bounds everything is taken."""
    await alice.phone.connects(pb.Hello(agent="a" * 256, labels={"version": "1" * 1017}))


@pytest.mark.parametrize("service_settings", [settings(resume_window=90.5)], ids=["window=90.5"])
async def test_welcome_says_what_is_in_force(alice: User) -> None:
    """A fresh session: nothing to come, no calls, the limits and the window as they are set."""
    welcome = await alice.phone.connects()

    welcome.ClearField("session_id")
    assert welcome == pb.Welcome(
        limits=pb.Limits(
            message_bytes=65536,
            sdp_bytes=32768,
            candidate_bytes=1024,
            candidates_per_message=32,
            candidates_per_generation=256,
            app_message_bytes=4096,
            metadata_bytes=1024,
            calls_per_device=8,
        ),
        resume_window=Duration(seconds=90, nanos=500_000_000),
    )


async def test_session_ids_cannot_be_guessed(alice: User) -> None:
    """128 random bits and more, and never the same twice."""
    ids = {(await alice.phone.connects()).session_id for _ in range(10)}

    assert len(ids) == 10
    assert all(len(session_id) * 6 >= 128 for session_id in ids)  # base64: 6 bits each


async def test_welcome_comes_before_what_waits(alice: User, bob: User) -> None:
    """The offer that rings for a device follows its welcome, and is counted as backlog."""
    await alice.phone.connects()
    call = await alice.phone.offers(bob)
    await alice.phone.hears_progress(pb.PROGRESS_KIND_WAITING)

    welcome = await bob.phone.connects()

    assert welcome.last_seq == 1
    assert list(welcome.calls) == [
        pb.CallSnapshot(
            call_id=call,
            state=pb.CALL_STATE_RINGING,
            peer=alice.phone.message,
            role=pb.CALL_ROLE_CALLEE,
        )
    ]
    await bob.phone.hears("offer")


async def test_decline_from_a_lock_screen(alice: User, http2: Callable[[], Http2]) -> None:
    """The leg is there before the request behind the hello is read: all in one packet."""
    await alice.phone.connects()
    bob = User("bob", "")
    call = await alice.phone.offers(bob)
    await alice.phone.hears_progress(pb.PROGRESS_KIND_WAITING)
    phone = http2()
    await phone.open()

    phone.request(1, IDENTITY)
    phone.send(
        1,
        pb.ConnectRequest(hello=pb.Hello()),
        pb.ConnectRequest(seq=1, call_id=call, reject=pb.Reject()),
    )

    ended = await alice.phone.hears_end(pb.END_REASON_DECLINED)
    assert ended.ended_by == bob.phone.message


async def test_answer_right_behind_the_hello(alice: User, bob: User) -> None:
    """The same for an answer: the app took the offer from the push."""
    await alice.phone.connects()
    call = await alice.phone.offers(bob)
    await alice.phone.hears_progress(pb.PROGRESS_KIND_WAITING)

    await bob.phone.opens()
    await bob.phone.sends(hello=pb.Hello(), seq=0)
    await bob.phone.answers(call, ufrag="Lock")

    assert (await alice.phone.hears("answer")).answer.sdp == sdp("Lock")


async def test_hello_without_session_ends_an_answered_call(alice: User, bob: User) -> None:
    """The app was killed, its peer connection is gone: the peer hears it at once."""
    call = await answered_call(alice, bob)
    await bob.phone.drops()
    await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)

    welcome = await bob.phone.connects()

    ended = await alice.phone.hears_end(pb.END_REASON_PEER_GONE)
    assert ended.ended_by == bob.phone.message
    assert [(c.call_id, c.state, c.ended.reason) for c in welcome.calls] == [
        (call, pb.CALL_STATE_ENDED, pb.END_REASON_PEER_GONE)
    ]


async def test_hello_without_session_cancels_a_ringing_call(
    alice: User, bob: User, another: Callable[[Device], Device]
) -> None:
    """Also while the old stream is still open: it is replaced and its session over."""
    await alice.connect("phone")
    await bob.connect("phone")
    call = await alice.phone.offers(bob)
    await bob.phone.hears("offer")

    welcome = await another(alice.phone).connects()

    await bob.phone.hears_end(pb.END_REASON_CANCELLED)
    assert (await alice.phone.is_ended())[0] is StatusCode.ABORTED
    assert [(c.call_id, c.state, c.role, c.ended.reason) for c in welcome.calls] == [
        (call, pb.CALL_STATE_ENDED, pb.CALL_ROLE_CALLER, pb.END_REASON_CANCELLED)
    ]


async def test_hello_without_session_rings_again(alice: User, bob: User) -> None:
    """A ringing leg is forgotten with its session, and joins late."""
    await alice.connect("phone")
    await bob.connect("phone")
    call = await alice.phone.offers(bob)
    await bob.phone.is_rung()
    await alice.phone.hears_progress(pb.PROGRESS_KIND_RINGING)
    await bob.phone.half_closes()

    await bob.phone.connects()

    assert (await bob.phone.is_rung()).call_id == call
    await alice.phone.hears_progress(pb.PROGRESS_KIND_RINGING)
    await bob.phone.answers(call)
    await alice.phone.hears("answer")
