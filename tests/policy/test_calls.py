"""Who may not call hears what the caller of somebody offline hears, and nobody else hears of it."""

import itertools
import statistics
import time
from collections.abc import Callable
from typing import Any, Final

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.app import App
from tests.clock import ManualClock
from tests.devices import User, candidate, sdp
from tests.policy.server import NOT_ALLOWED, OPENLY, PolicyServer
from tests.policy.wire import Wire, connected
from tests.shared import on_one_node_and_two

pytestmark = on_one_node_and_two

# what a caller may want; bob has a phone
OFFERS: Final[dict[str, dict[str, Any]]] = {
    "waits": {},
    "fails": {"offline_policy": pb.OFFLINE_POLICY_FAIL},
    "named": {"recipient_device_id": "phone"},
    "named-fails": {"recipient_device_id": "phone", "offline_policy": pb.OFFLINE_POLICY_FAIL},
    "primary": {"routing": pb.ROUTING_PRIMARY_DEVICE},
    "primary-fails": {
        "routing": pb.ROUTING_PRIMARY_DEVICE,
        "offline_policy": pb.OFFLINE_POLICY_FAIL,
    },
}
OFFERS_TIMED: Final = 300


@pytest.fixture
def carol(person: Callable[[str], User]) -> User:
    """Somebody else who may be called."""
    return person("carol")


async def has_a_call(wire: Wire, call: str, to: str, offer: dict[str, Any]) -> None:
    """All that a caller can do while nobody answers, but for the end."""
    first = pb.SdpOffer(recipient_user_id=to, sdp=sdp(), **offer)
    other = pb.SdpOffer(recipient_user_id=to, sdp=sdp("Oth3"), **offer)
    for payload in (
        {"offer": first},
        {"candidates": pb.IceCandidates(candidates=[candidate(1)])},
        {"offer": first},
        {"offer": other},
        {"app_message": pb.AppMessage(body=b"hello?")},
        {"ringing": pb.Ringing()},
        {"answer": pb.SdpAnswer(sdp=sdp())},
        {"reject": pb.Reject()},
    ):
        await wire.says(call, **payload)
        await wire.listens()


async def hangs_up(wire: Wire, call: str, *_: object) -> None:
    """The caller gives up."""
    await wire.says(call, hangup=pb.Hangup(text="later"))
    await wire.listens()


async def waits(wire: Wire, call: str, clock: ManualClock, offer: dict[str, Any]) -> None:
    """The caller waits until it has rung out."""
    clock.advance(61)
    if "offline_policy" not in offer:
        await wire.hears_end()
    await wire.says(call, hangup=pb.Hangup(text="later"))
    await wire.listens()


@pytest.mark.parametrize("ends", [hangs_up, waits])
@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
async def test_refused_and_offline_are_the_same_bytes(  # noqa: PLR0913, PLR0917
    app: App, bob: User, clock: ManualClock, policy: PolicyServer, offer: dict[str, Any], ends: Any
) -> None:
    """From the offer to the end of the call, and after it."""
    policy.answers["bob"] = NOT_ALLOWED
    await bob.connect("phone")
    async with connected(app.address, "alice") as refused:
        await has_a_call(refused, "call-of-alice", "bob", offer)
        await ends(refused, "call-of-alice", clock, offer)
        async with connected(app.address, "alina") as unheard:
            await has_a_call(unheard, "call-of-alina", "nobody", offer)
            await ends(unheard, "call-of-alina", clock, offer)

    assert len(refused.heard) > 8
    assert [data.replace(b"alice", b"alina") for data in refused.heard] == unheard.heard
    await bob.phone.hears_nothing()


async def test_refused_and_offline_take_the_same_time(
    app: App, bob: User, policy: PolicyServer
) -> None:
    """Medians of some hundred offers, taken in turns; asked anew each time."""
    policy.answers["bob"] = NOT_ALLOWED
    await bob.connect("phone", "tablet", "laptop")
    numbers = itertools.count()

    async def offers(wire: Wire, to: str) -> float:
        """How long the caller waits for the first word; seconds."""
        call = f"call-{next(numbers):04}"
        # a device that is not there, another one each time: no verdict is known
        offer = pb.SdpOffer(recipient_user_id=to, recipient_device_id=call, sdp=sdp())
        began = time.perf_counter()
        await wire.says(call, offer=offer)
        while (await wire.hears()).WhichOneof("payload") != "progress":
            pass
        took = time.perf_counter() - began
        await wire.says(call, hangup=pb.Hangup())
        await wire.hears_end()
        return took

    async with connected(app.address, "alice") as wire:
        times = {to: [await offers(wire, to)] for to in ("bob", "nobody")}
        for _ in range(OFFERS_TIMED):
            for to, took in times.items():
                took.append(await offers(wire, to))

    refused, offline = (statistics.median(took) for took in times.values())
    assert 0.75 < refused / offline < 1.33
    assert len(policy.asked) == 2 * (OFFERS_TIMED + 1)


async def test_refused_calls_keep_nobody_out(
    alice: User, bob: User, mallory: User, policy: PolicyServer
) -> None:
    """Sixteen of them would be as many as may ring at a user, if they rang."""
    await alice.connect("phone")
    await bob.connect("phone")
    await mallory.connect("phone", "tablet")
    policy.answers["bob"] = NOT_ALLOWED
    for _ in range(8):
        for device in (mallory.phone, mallory.tablet):
            await device.offers(bob)
            await device.hears_progress(pb.PROGRESS_KIND_WAITING)
    del policy.answers["bob"]

    call = await alice.phone.offers(bob)

    assert (await bob.phone.hears("offer")).call_id == call


@pytest.mark.parametrize("answer", [NOT_ALLOWED, OPENLY])
async def test_nobody_hears_of_a_refused_call(
    alice: User, bob: User, policy: PolicyServer, answer: bytes
) -> None:
    """No device that is connected, and none that comes while the call seems to wait."""
    policy.answers["bob"] = answer
    await alice.connect("phone")
    await bob.connect("phone")
    call = await alice.phone.offers(bob)
    await alice.phone.is_acknowledged()

    welcome = await bob.tablet.connects()

    assert list(welcome.calls) == []
    await bob.phone.hears_nothing()
    await bob.tablet.hears_nothing()
    await bob.tablet.answers(call)
    await bob.tablet.is_refused(pb.ERROR_CODE_CALL_NOT_FOUND)


async def test_openly_refused(alice: User, bob: User, policy: PolicyServer) -> None:
    """The caller is told at once that it may not, also for somebody who is away."""
    policy.answers |= {"bob": OPENLY, "nobody": OPENLY}
    await alice.connect("phone")
    await bob.connect("phone")

    for callee in (bob, User("nobody")):
        await alice.phone.offers(callee)
        await alice.phone.hears_end(pb.END_REASON_NOT_ALLOWED)

    await bob.phone.hears_nothing()


async def test_what_the_policy_is_asked(alice: User, bob: User, policy: PolicyServer) -> None:
    """Who calls whom, and at which device; about the beginning of a call and nothing after it."""
    await alice.connect("phone")
    await bob.connect("phone")

    call = await alice.phone.offers(bob.phone)
    await bob.phone.hears("offer")
    await bob.phone.answers(call)
    await alice.phone.hears("answer")
    await alice.phone.offers(call=call)
    await bob.phone.hears_progress(pb.PROGRESS_KIND_WON)
    await bob.phone.hears("offer")

    (asked,) = policy.asked
    assert asked.caller == alice.phone.message
    assert (asked.callee_user_id, asked.callee_device_id) == ("bob", "phone")


async def test_a_bad_offer_asks_nobody(alice: User, bob: User, policy: PolicyServer) -> None:
    """Its form is looked at first."""
    await alice.connect("phone")

    await alice.phone.offers(bob, sdp="no SDP")
    await alice.phone.is_refused(pb.ERROR_CODE_INVALID_MESSAGE)

    assert policy.asked == []


async def test_a_verdict_holds_for_five_seconds(
    alice: User, bob: User, clock: ManualClock, policy: PolicyServer
) -> None:
    """Then the policy is asked again, and what it says now counts."""
    policy.answers["bob"] = NOT_ALLOWED
    await alice.connect("phone")
    await bob.connect("phone")
    await alice.phone.offers(bob, offline_policy=pb.OFFLINE_POLICY_FAIL)
    await alice.phone.hears_end(pb.END_REASON_UNAVAILABLE)
    del policy.answers["bob"]

    clock.advance(4.9)
    await alice.phone.offers(bob, offline_policy=pb.OFFLINE_POLICY_FAIL)
    await alice.phone.hears_end(pb.END_REASON_UNAVAILABLE)
    assert len(policy.asked) == 1

    clock.advance(0.1)
    await alice.phone.offers(bob)
    await bob.phone.hears("offer")
    assert len(policy.asked) == 2


async def test_fails_closed(
    alice: User, bob: User, clock: ManualClock, policy: PolicyServer
) -> None:
    """Garbage, an answer that comes too late, no policy at all: each is a no like any other."""
    await alice.connect("phone")
    await bob.connect("phone")

    policy.answers["bob"] = b"\xff garbage"
    await alice.phone.offers(bob)
    await alice.phone.hears_progress(pb.PROGRESS_KIND_WAITING)

    policy.holds("bob")
    await alice.phone.offers(bob)
    await policy.is_asked(2)
    clock.advance(0.3)
    await alice.phone.hears_progress(pb.PROGRESS_KIND_WAITING)
    await policy.has_called_off(1)

    await policy.stop()
    await alice.phone.offers(bob)
    await alice.phone.hears_progress(pb.PROGRESS_KIND_WAITING)

    await bob.phone.hears_nothing()


async def test_a_slow_answer_holds_up_its_caller_alone(
    alice: User, bob: User, carol: User, policy: PolicyServer
) -> None:
    """Others call meanwhile, and the slow answer still counts."""
    answer = policy.holds("bob")
    for user in (alice, bob, carol):
        await user.connect("phone")
    slow = await alice.phone.offers(bob)
    await policy.is_asked(1)

    quick = await bob.phone.offers(carol)
    assert (await carol.phone.hears("offer")).call_id == quick
    answer.set()

    assert (await bob.phone.hears("offer")).call_id == slow


async def test_a_device_that_comes_back_meanwhile(
    alice: User, bob: User, policy: PolicyServer, nodes: list[App]
) -> None:
    """The offer of the stream that was lost has no effect; sent again, it has the one.

    A node that is asked the same meanwhile waits for the answer to come; another one asks.
    """
    answer = policy.holds("bob")
    await alice.connect("phone")
    await bob.connect("phone")
    call = await alice.phone.offers(bob)
    await policy.is_asked(1)

    await alice.phone.drops()
    await alice.phone.resumes()
    alice.phone.seq -= 1
    await alice.phone.offers(bob, call)
    answer.set()

    assert (await bob.phone.is_rung()).call_id == call
    await alice.phone.hears_progress(pb.PROGRESS_KIND_RINGING)
    await bob.phone.hears_nothing()
    assert len(policy.asked) == len(nodes)
