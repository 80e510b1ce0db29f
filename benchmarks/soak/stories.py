"""What people and their devices do in a soak: each story has its own people, who insist.

A story that hears anything but what it has to hear fails, and so does the soak.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from grpc import StatusCode
from signaling.v1 import signaling_pb2 as pb

from benchmarks.servers import BenchmarkError
from tests.devices import Device, User, answered_call, sdp

Story = Callable[[User, User], Awaitable[None]]

CONNECTED: Final = pb.PEER_CONNECTION_STATE_CONNECTED


async def answered(alice: User, bob: User) -> None:
    """An answered call, with candidates, that connects and is hung up."""
    call = await answered_call(alice, bob)
    await alice.phone.trickles(call, 1, 2, 3)
    await bob.phone.hears_candidates(3)
    await bob.phone.trickles(call, 4, 5)
    await alice.phone.hears_candidates(2)
    await alice.phone.reports(call, CONNECTED)
    await bob.phone.hears("connection_state")
    await _ends(call, alice.phone, bob.phone)


async def cancelled(alice: User, bob: User) -> None:
    """The caller gives up while it rings."""
    call = await _rings(alice, bob)
    await alice.phone.hangs_up(call)
    await alice.phone.hears_end(pb.END_REASON_CANCELLED)
    await bob.phone.hears_end(pb.END_REASON_CANCELLED)


async def rejected(alice: User, bob: User) -> None:
    """The callee does not want to talk."""
    call = await _rings(alice, bob)
    await bob.phone.rejects(call)
    await alice.phone.hears_end(pb.END_REASON_DECLINED)
    await bob.phone.hears_end(pb.END_REASON_DECLINED)


async def timed_out(alice: User, bob: User) -> None:
    """Nobody answers."""
    await _rings(alice, bob)
    await alice.phone.hears_end(pb.END_REASON_NO_ANSWER)
    await bob.phone.hears_end(pb.END_REASON_NO_ANSWER)


async def several_devices(alice: User, bob: User) -> None:
    """Two devices ring, one answers, the other one hears so."""
    await alice.connect("phone")
    await bob.connect("phone", "tablet")
    call = await alice.phone.offers(bob)
    await bob.phone.hears("offer")
    await bob.tablet.hears("offer")
    await bob.phone.answers(call)
    await bob.phone.hears_progress(pb.PROGRESS_KIND_WON)
    await alice.phone.hears("answer")
    await bob.tablet.hears_end(pb.END_REASON_ANSWERED_ELSEWHERE)
    await _ends(call, bob.phone, alice.phone)


async def renegotiated(alice: User, bob: User) -> None:
    """ICE restarts in the middle of a call."""
    call = await answered_call(alice, bob)
    await bob.phone.offers(call=call, sdp=sdp("Next"))
    await alice.phone.hears("offer")
    await alice.phone.answers(call, "Also", negotiation=2)
    await bob.phone.hears("answer")
    await bob.phone.trickles(call, 7, ufrag="Next")
    await alice.phone.hears_candidates(1)
    await _ends(call, alice.phone, bob.phone)


async def abandoned(alice: User, bob: User) -> None:
    """One side is lost in the middle of a call and never comes back."""
    await answered_call(alice, bob)
    await bob.phone.drops()
    await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
    await alice.phone.hears_end(pb.END_REASON_PEER_GONE)


async def waited(alice: User, bob: User) -> None:
    """An offer waits for a device that comes later."""
    await alice.connect("phone")
    call = await alice.phone.offers(bob)
    await alice.phone.hears_progress(pb.PROGRESS_KIND_WAITING)
    await bob.connect("phone")
    await bob.phone.hears("offer")
    await bob.phone.answers(call)
    await bob.phone.hears_progress(pb.PROGRESS_KIND_WON)
    await alice.phone.hears("answer")
    await _ends(call, alice.phone, bob.phone)


async def resumed(alice: User, bob: User) -> None:
    """A device loses its connection and comes back to what it has missed."""
    call = await answered_call(alice, bob)
    await bob.phone.drops()
    await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
    await alice.phone.trickles(call, 1, 2)
    await bob.phone.resumes()
    await bob.phone.hears_candidates(2)
    await alice.phone.hears_progress(pb.PROGRESS_KIND_BACK)
    await _ends(call, alice.phone, bob.phone)


async def left(alice: User, bob: User) -> None:
    """Devices close their side in the middle of a call, and come back."""
    call = await answered_call(alice, bob)
    _insist(await bob.phone.half_closes() is StatusCode.OK)
    await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
    await bob.phone.resumes()
    await alice.phone.hears_progress(pb.PROGRESS_KIND_BACK)
    await _ends(call, bob.phone, alice.phone)


async def replaced(alice: User, bob: User) -> None:
    """The same device connects a second time; the first stream is thrown off, its call ends."""
    await answered_call(alice, bob)
    twin = Device(bob, "phone")
    await twin.connects()
    _insist((await bob.phone.is_ended())[0] is StatusCode.ABORTED)
    await alice.phone.hears_end(pb.END_REASON_PEER_GONE)
    await twin.drops()


async def malformed(alice: User, bob: User) -> None:
    """What is wrong with a stream ends it with its status; the other people feel nothing."""
    await alice.phone.connects()
    await alice.phone.sends(seq=9, call="a-gap", ringing=pb.Ringing())
    _insist((await alice.phone.is_ended())[0] is StatusCode.INVALID_ARGUMENT)
    await bob.phone.opens()
    await bob.phone.sends(seq=1, call="no-hello", ringing=pb.Ringing())
    _insist((await bob.phone.is_ended())[0] is StatusCode.FAILED_PRECONDITION)
    await bob.phone.connects()
    await bob.phone.acks(1_000_000)
    _insist((await bob.phone.is_ended())[0] is StatusCode.INVALID_ARGUMENT)


async def refused(alice: User, bob: User) -> None:
    """What is wrong with a request is answered, and the stream goes on."""
    await alice.connect("phone")
    await bob.connect("phone")
    await alice.phone.hangs_up("somebody-elses")
    await alice.phone.is_refused(pb.ERROR_CODE_CALL_NOT_FOUND)
    await alice.phone.offers(bob, sdp="no description")
    await alice.phone.is_refused(pb.ERROR_CODE_INVALID_MESSAGE)
    await alice.phone.offers(bob, sdp=sdp() + "a" * 40_000)
    await alice.phone.is_refused(pb.ERROR_CODE_TOO_LARGE)
    call = await alice.phone.offers(bob)
    await bob.phone.hears("offer")
    await alice.phone.answers(call)
    await alice.phone.is_refused(pb.ERROR_CODE_WRONG_STATE)
    await alice.phone.hangs_up(call)
    await alice.phone.hears_end(pb.END_REASON_CANCELLED)
    await bob.phone.hears_end(pb.END_REASON_CANCELLED)


# by how often they happen
STORIES: Final[Mapping[Story, int]] = {
    answered: 8,
    cancelled: 3,
    rejected: 3,
    timed_out: 2,
    several_devices: 4,
    renegotiated: 3,
    abandoned: 2,
    waited: 2,
    resumed: 4,
    left: 2,
    replaced: 2,
    malformed: 2,
    refused: 2,
}


async def _rings(alice: User, bob: User) -> str:
    """A call that rings at the callee."""
    await alice.connect("phone")
    await bob.connect("phone")
    call = await alice.phone.offers(bob)
    await bob.phone.is_rung()
    await alice.phone.hears_progress(pb.PROGRESS_KIND_RINGING)
    return call


async def _ends(call: str, one: Device, other: Device) -> None:
    """One side hangs up, both hear the end."""
    await one.hangs_up(call)
    await one.hears_end(pb.END_REASON_HANGUP)
    await other.hears_end(pb.END_REASON_HANGUP)


def _insist(is_so: bool) -> None:  # noqa: FBT001 - an assertion
    if not is_so:
        raise BenchmarkError("a stream ended with another status")
