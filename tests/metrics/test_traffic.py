"""What an operator can read of streams, sessions and messages."""

from grpc import StatusCode
from signaling.v1 import signaling_pb2 as pb

from signaling_service.app import App
from tests.clock import ManualClock
from tests.devices import User, answered_call, sdp
from tests.metrics.scrape import comes_to, counted, scrape, value
from tests.services import OtherService
from tests.transport.settings import limited


async def ended(app: App) -> dict[str, float]:
    """Streams by how they ended, once all have."""
    await comes_to(0, app, "signaling_streams")
    return counted(app, "signaling_streams_ended_total", "status")


def messages(app: App, direction: str) -> dict[str, float]:
    """Messages of one direction by kind; acks by themselves come when they come."""
    return {
        dict(labels)["kind"]: count
        for (name, labels), count in scrape(app).items()
        if name == "signaling_messages_total" and ("direction", direction) in labels and count
        if ("kind", "none") not in labels
    }


async def test_messages_are_counted_by_kind(app: App, alice: User, bob: User) -> None:
    """What came in, and what went out."""
    call = await answered_call(alice, bob)
    await alice.phone.trickles(call, 1, 2)
    await alice.phone.trickles(call, 3)
    await bob.phone.hears("candidates")
    await bob.phone.hears("candidates")

    assert messages(app, "in") == {"hello": 2, "offer": 1, "answer": 1, "candidates": 2}
    assert messages(app, "out") == {
        "welcome": 2,
        "offer": 1,
        "answer": 1,
        "progress": 1,
        "candidates": 2,
    }


async def test_bare_acks_have_no_kind(app: App, alice: User) -> None:
    """They are messages all the same."""
    await alice.connect("phone")
    await alice.phone.acks(0)
    await alice.phone.half_closes()

    assert value(app, "signaling_messages_total", direction="in", kind="none") == 1


async def test_unacknowledged_messages_are_counted(app: App, alice: User, bob: User) -> None:
    """All of them, and those of the device that leaves most."""
    await alice.connect("phone")
    await bob.connect("phone", "tablet")
    bob.phone.acknowledges = False
    for _ in range(3):
        call = await alice.phone.offers(bob)
        await bob.phone.hears("offer")
        await bob.tablet.hears("offer")
        await alice.phone.hangs_up(call)
        for device in (bob.phone, bob.tablet, alice.phone):
            await device.hears("ended")
    for device in (alice.phone, bob.tablet):
        await device.half_closes()

    assert value(app, "signaling_mailbox_messages") == 6
    assert value(app, "signaling_mailbox_deepest") == 6


async def test_sessions_are_counted_by_how_they_open(app: App, alice: User) -> None:
    """Fresh, resumed, or fresh because what it wanted to resume cannot go on."""
    await alice.connect("phone")
    await alice.phone.resumes()
    alice.phone.welcome.session_id = "of another time"
    await alice.phone.resumes()

    opened = counted(app, "signaling_sessions_opened_total", "how")

    assert opened == {"fresh": 1, "resumed": 1, "refused": 1}


async def test_streams_are_counted_by_how_they_end(app: App, alice: User, bob: User) -> None:
    """A polite end, a lost connection, a newer stream, and who is not let in."""
    await alice.connect("phone")
    await alice.phone.half_closes()
    await alice.connect("laptop")
    await alice.laptop.drops()
    await bob.connect("phone")
    replaced = bob.phone
    older = vars(replaced)["_wire"]
    await replaced.resumes()
    assert (await older.ending())[0] is StatusCode.ABORTED
    await bob.phone.half_closes()
    await bob.tablet.opens(())
    assert (await bob.tablet.is_ended())[0] is StatusCode.UNAUTHENTICATED

    assert await ended(app) == {"ok": 2, "cancelled": 1, "aborted": 1, "unauthenticated": 1}


async def test_refusals_are_counted_by_kind_and_code(app: App, alice: User) -> None:
    """Whether they are numbered or not."""
    await alice.connect("phone")
    await alice.phone.answers("no-such-call")
    await alice.phone.sends(seq=0, call="no-such-call", hangup=pb.Hangup())
    await alice.phone.hears("error")
    await alice.phone.hears("error")

    for kind in ("answer", "hangup"):
        assert value(app, "signaling_requests_refused_total", kind=kind, code="call_not_found") == 1


@limited(others_burst=1, others_per_second=1, offers_burst=1, offers_per_second=0.01)
async def test_requests_that_are_too_fast_are_counted(
    app: App, alice: User, bob: User, clock: ManualClock
) -> None:
    """Those that are slowed down; an offer is refused instead."""
    call = await answered_call(alice, bob)
    for _ in range(2):
        await alice.phone.sends(call=call, app_message=pb.AppMessage(body=b"hold"))
    await bob.phone.hears("app_message")
    await comes_to(1, app, "signaling_requests_paced_total")
    clock.advance(1)
    await bob.phone.hears("app_message")
    await alice.phone.sends(call="another", offer=pb.SdpOffer(recipient_user_id="bob", sdp=sdp()))
    await alice.phone.hears("error")

    refused = {"kind": "offer", "code": "rate_limited"}
    assert value(app, "signaling_requests_refused_total", **refused) == 1


async def test_watchers_are_counted(app: App) -> None:
    """Other services that are told of events."""
    gateway = OtherService(app.address)
    async with gateway.watching() as watch:
        await watch.begins()
        assert value(app, "signaling_event_watchers") == 1

    await comes_to(0, app, "signaling_event_watchers")
    await gateway.close()
