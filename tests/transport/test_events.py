"""The stream of events: at least once, in order for each call, from any cursor of the last hour."""

from collections.abc import AsyncIterator

import pytest
from google.protobuf.duration_pb2 import Duration
from grpc import StatusCode
from signaling.v1 import calls_pb2
from signaling.v1 import signaling_pb2 as pb

from signaling_service.app import App
from signaling_service.transport.watching import BOOKMARK_INTERVAL, MAX_WATCHERS
from tests.clock import ManualClock
from tests.devices import User, answered_call
from tests.services import Failure, OtherService, Watch
from tests.shared import on_one_node_and_two

CURSOR_LOST = Failure(StatusCode.OUT_OF_RANGE, "CURSOR_LOST")


@pytest.fixture
async def gateway(nodes: list[App]) -> AsyncIterator[OtherService]:
    """A push gateway; its requests take turns at the nodes."""
    service = OtherService(*(node.address for node in nodes))
    yield service
    await service.close()


async def story(watch: Watch, count: int) -> list[str | None]:
    """The kinds of the next events."""
    return [(await watch.next()).WhichOneof("event") for _ in range(count)]


@on_one_node_and_two
async def test_call_is_told_from_its_first_offer_to_its_end(
    alice: User, bob: User, gateway: OtherService
) -> None:
    """Beside the devices that come and go."""
    async with gateway.watching() as watch:
        call = await answered_call(alice, bob)
        await alice.phone.reports(call, pb.PEER_CONNECTION_STATE_CONNECTED)
        await bob.phone.hears("connection_state")
        await bob.phone.hangs_up(call)
        await alice.phone.hears_end(pb.END_REASON_HANGUP)
        await bob.phone.drops()

        assert await story(watch, 8) == [
            "device_connected",
            "device_connected",
            "offer_pending",
            "offer_settled",
            "call_answered",
            "call_connected",
            "call_ended",
            "device_disconnected",
        ]


@on_one_node_and_two
async def test_offer_to_a_phone_that_sleeps(alice: User, bob: User, gateway: OtherService) -> None:
    """The gateway hears of it, the phone comes, gets the offer and answers; the push is settled."""
    await alice.connect("phone")
    kinds = [calls_pb2.EVENT_KIND_OFFER_PENDING, calls_pb2.EVENT_KIND_OFFER_SETTLED]
    async with gateway.watching(kinds=kinds) as watch:
        call = await alice.phone.offers(
            bob, metadata={"name": "Alice"}, ring_timeout=Duration(seconds=30)
        )
        pending = await watch.hears("offer_pending")
        assert (pending.call_id, pending.caller) == (call, alice.phone.message)
        assert (pending.recipient_user_id, list(pending.reached)) == ("bob", [])
        assert (dict(pending.metadata), pending.time_left.seconds) == ({"name": "Alice"}, 30)
        await bob.connect("phone")
        await bob.phone.hears("offer")
        await bob.phone.answers(call)
        settled = await watch.hears("offer_settled")

    assert (settled.call_id, settled.answered_by) == (call, bob.phone.message)


@on_one_node_and_two
async def test_event_is_true_when_it_is_told(alice: User, bob: User, gateway: OtherService) -> None:
    """Whoever asks, anywhere, because of an event, finds things at least as far."""
    async with gateway.watching() as watch:
        call = await answered_call(alice, bob)
        for _ in range(2):
            connected = await watch.hears("device_connected")
            assert [each.connected for each in await gateway.devices(connected.device.user_id)]
        await watch.hears("offer_pending")
        await watch.hears("offer_settled")
        await watch.hears("call_answered")
        assert (await gateway.call(call)).HasField("callee")


@on_one_node_and_two
async def test_watching_goes_on_behind_a_cursor(
    alice: User, bob: User, gateway: OtherService
) -> None:
    """At any node: what happened meanwhile comes, in order, and nothing twice."""
    async with gateway.watching() as watch:
        await alice.connect("phone")
        await watch.hears("device_connected")
    call = await alice.phone.offers(bob)
    await alice.phone.hears_progress(pb.PROGRESS_KIND_WAITING)

    async with gateway.watching(cursor=watch.cursor) as again:
        pending = await again.hears("offer_pending")
        await alice.phone.hangs_up(call)
        assert await story(again, 2) == ["offer_settled", "call_ended"]
    assert pending.call_id == call


@on_one_node_and_two
async def test_watching_begins_where_it_says(alice: User, gateway: OtherService) -> None:
    """Also before the first event: its cursor misses nothing that comes after."""
    async with gateway.watching() as watch:
        cursor = watch.cursor
    await alice.connect("phone")

    async with gateway.watching(cursor=cursor) as again:
        await again.hears("device_connected")


@on_one_node_and_two
@pytest.mark.parametrize("cursor", ["x", "1-1", "0-0", "-", "1-99999999999999999999", "\N{BELL}"])
async def test_cursor_of_nothing_is_lost(gateway: OtherService, cursor: str) -> None:
    """Whoever has it is told that something may be missed."""
    assert await gateway.watches(cursor=cursor).fails() == CURSOR_LOST


async def test_cursor_is_good_for_an_hour(
    alice: User, bob: User, gateway: OtherService, clock: ManualClock
) -> None:
    """And for as long as nothing has happened since."""
    await alice.connect("phone", "tablet")
    async with gateway.watching() as watch:
        await alice.tablet.drops()
        await watch.hears("device_disconnected")
    clock.advance(4000)
    async with gateway.watching(cursor=watch.cursor) as again:
        await bob.connect("phone")
        await again.hears("device_connected")
        clock.advance(4000)
        await bob.connect("tablet")
        await again.hears("device_connected")

    assert await gateway.watches(cursor=watch.cursor).fails() == CURSOR_LOST


@on_one_node_and_two
async def test_watching_for_some_kinds(alice: User, bob: User, gateway: OtherService) -> None:
    """The others do not come."""
    async with gateway.watching(kinds=[calls_pb2.EVENT_KIND_CALL_ENDED]) as watch:
        call = await answered_call(alice, bob)
        await alice.phone.hangs_up(call)

        ended = await watch.hears("call_ended")

    assert (ended.call_id, ended.reason, ended.callee) == (
        call,
        pb.END_REASON_HANGUP,
        bob.phone.message,
    )


@on_one_node_and_two
async def test_watching_for_a_user(
    alice: User, bob: User, mallory: User, gateway: OtherService
) -> None:
    """Its devices, and calls that it places or is called with."""
    async with gateway.watching(user_id="bob") as watch:
        await mallory.connect("phone")
        call = await answered_call(alice, bob)
        await bob.phone.hangs_up(call)

        assert await story(watch, 5) == [
            "device_connected",
            "offer_pending",
            "offer_settled",
            "call_answered",
            "call_ended",
        ]


@on_one_node_and_two
async def test_device_that_takes_over_was_there_all_the_time(
    alice: User, gateway: OtherService
) -> None:
    """It is not told of; a device that is gone and comes back is."""
    await alice.connect("phone")
    async with gateway.watching() as watch:
        await alice.phone.resumes()
        await alice.phone.drops()

        assert await story(watch, 1) == ["device_disconnected"]


async def test_who_waits_for_little_hears_how_far_the_log_was_read(
    alice: User, gateway: OtherService, clock: ManualClock
) -> None:
    """So that the cursor is never an hour old: an event that says nothing else."""
    async with (
        gateway.watching() as everything,
        gateway.watching(kinds=[calls_pb2.EVENT_KIND_CALL_ENDED]) as watch,
    ):
        await alice.connect("phone")
        await everything.hears("device_connected")
        clock.advance(BOOKMARK_INTERVAL + 1)
        await alice.connect("tablet")
        await everything.hears("device_connected")

        event = await watch.next()

    assert event.WhichOneof("event") is None
    assert event.cursor in (everything.cursor, watch.cursor)


@pytest.mark.parametrize(
    ("fields", "named"),
    [({"kinds": [99]}, "kinds"), ({"kinds": [0]}, "kinds"), ({"user_id": "a b"}, "user_id")],
)
async def test_malformed_filter_is_named(
    gateway: OtherService, fields: dict[str, object], named: str
) -> None:
    """To people and to programs."""
    assert await gateway.watches(**fields).fails() == Failure(
        StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", (named,)
    )


async def test_node_has_only_so_many_watchers(app: App, gateway: OtherService) -> None:
    """The next is refused."""
    another = OtherService(app.address)  # a connection has only so many streams, too
    for _ in range(MAX_WATCHERS - 1):
        await gateway.watches().begins()
    last = another.watches()
    await last.begins()

    refused = await another.watches().fails()

    assert refused == Failure(StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_WATCHERS")
    await another.close()


async def test_watching_ends_when_the_node_drains(app: App, gateway: OtherService) -> None:
    """UNAVAILABLE: it goes on elsewhere, behind the cursor."""
    async with gateway.watching() as watch:
        await app.drain()

        assert (await watch.fails()).code is StatusCode.UNAVAILABLE
