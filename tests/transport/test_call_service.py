"""What other services ask: calls, devices, and the ends that they make of both."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from grpc import StatusCode
from signaling.v1 import calls_pb2
from signaling.v1 import signaling_pb2 as pb

from signaling_service.app import App
from signaling_service.config import Settings
from tests.clock import ManualClock
from tests.devices import User, answered_call
from tests.services import Failure, OtherService, kinds, state
from tests.shared import on_one_node_and_two
from tests.tokens import AUDIENCE, ISSUER, Issuer
from tests.transport.settings import limited, settings

NO_CALL = Failure(StatusCode.NOT_FOUND, "CALL_NOT_FOUND")
BAD_ID = "no id at all"
NO_TEXT = "\N{BELL}"
NO_PLACE = "WzFd"  # well-formed, and of no place


@pytest.fixture
async def billing(nodes: list[App]) -> AsyncIterator[OtherService]:
    """Another service; its requests take turns at the nodes."""
    service = OtherService(*(node.address for node in nodes))
    yield service
    await service.close()


@on_one_node_and_two
async def test_call_is_seen_as_it_is(
    alice: User, bob: User, billing: OtherService, clock: ManualClock
) -> None:
    """From the first offer to ten minutes after the end, at any node, and never stale."""
    await alice.connect("phone")
    await bob.connect("phone", "tablet")
    call = await alice.phone.offers(bob)
    await bob.phone.is_rung()
    await alice.phone.hears_progress(pb.PROGRESS_KIND_RINGING)

    seen = await billing.call(call)
    assert (state(seen), seen.caller, seen.callee_user_id) == (
        "ringing",
        alice.phone.message,
        "bob",
    )
    assert {leg.device.device_id: leg.state for leg in seen.legs} == {
        "phone": calls_pb2.LEG_STATE_RINGING,
        "tablet": calls_pb2.LEG_STATE_OFFERED,
    }
    assert not seen.HasField("callee")
    clock.advance(3)
    await bob.phone.answers(call)
    await alice.phone.hears("answer")

    seen = await billing.call(call)
    assert (state(seen), seen.callee) == ("answered", bob.phone.message)
    assert seen.answer_time.ToNanoseconds() - seen.create_time.ToNanoseconds() == 3 * 10**9
    await alice.phone.reports(call, pb.PEER_CONNECTION_STATE_CONNECTED)
    await bob.phone.hears("progress")
    await bob.phone.hears("connection_state")
    assert (await billing.call(call)).HasField("connect_time")
    await bob.phone.hangs_up(call)
    await alice.phone.hears_end(pb.END_REASON_HANGUP)

    seen = await billing.call(call)
    assert (state(seen), seen.ended.ended_by) == ("ended", bob.phone.message)
    assert seen.HasField("end_time")


@on_one_node_and_two
async def test_service_ends_a_call(alice: User, bob: User, billing: OtherService) -> None:
    """Both devices are told so and why; who ends it again gets it as it ended."""
    call = await answered_call(alice, bob)

    ended = await billing.ends(call, "maintenance")

    assert (state(ended), ended.ended.reason) == ("ended", pb.END_REASON_TERMINATED)
    for user in (alice, bob):
        told = await user.phone.hears_end(pb.END_REASON_TERMINATED)
        assert (told.text, told.HasField("ended_by")) == ("maintenance", False)
    assert await billing.ends(call) == ended


@on_one_node_and_two
async def test_devices_of_a_user(alice: User, billing: OtherService) -> None:
    """With what their apps say of themselves; those that may resume are not connected."""
    hello = pb.Hello(agent="door/1.2", labels={"model": "D-7"})
    await alice.phone.connects(hello)
    await alice.tablet.connects()
    async with billing.watching() as watch:
        await alice.tablet.drops()
        await watch.hears("device_disconnected")

    phone, tablet = await billing.devices("alice")

    assert (phone.device, phone.connected) == (alice.phone.message, True)
    assert (phone.agent, dict(phone.labels)) == ("door/1.2", {"model": "D-7"})
    assert phone.HasField("connect_time")
    assert not phone.HasField("active_time")
    assert (tablet.device, tablet.connected) == (alice.tablet.message, False)
    assert list(await billing.devices("nobody")) == []


@on_one_node_and_two
async def test_service_disconnects_a_device(alice: User, bob: User, billing: OtherService) -> None:
    """Its stream ends, its session and its calls with it; it comes back as a new one."""
    call = await answered_call(alice, bob)

    await billing.disconnects(bob.phone)

    assert await bob.phone.is_ended() == (StatusCode.UNAUTHENTICATED, "the device was disconnected")
    ended = await alice.phone.hears_end(pb.END_REASON_PEER_GONE)
    assert ended.ended_by == bob.phone.message
    assert list(await billing.devices("bob")) == []
    welcome = await bob.phone.resumes()
    assert not welcome.resumed
    assert [(each.call_id, each.state) for each in welcome.calls] == [(call, pb.CALL_STATE_ENDED)]


@on_one_node_and_two
async def test_device_that_is_away_is_disconnected(alice: User, billing: OtherService) -> None:
    """It may not resume what it had; one that nobody knows is no error."""
    await alice.connect("phone")
    await alice.phone.drops()

    await billing.disconnects(alice.phone)
    await billing.disconnects(alice.tablet)

    assert not (await alice.phone.resumes()).resumed


@on_one_node_and_two
async def test_calls_come_in_pages(
    alice: User, bob: User, billing: OtherService, clock: ManualClock
) -> None:
    """The newest first, each once, whatever begins meanwhile; some of them if that is asked for."""
    await alice.connect("phone")
    calls = []
    for _ in range(5):
        calls.append(await alice.phone.offers(bob))
        await alice.phone.hears_progress(pb.PROGRESS_KIND_WAITING)
        clock.advance(0.1)
    await alice.phone.hangs_up(calls[1])
    await alice.phone.hears_end(pb.END_REASON_CANCELLED)

    first = await billing.lists(page_size=2)
    calls.append(await alice.phone.offers(bob))
    await alice.phone.hears_progress(pb.PROGRESS_KIND_WAITING)
    second = await billing.lists(page_size=2, page_token=first.next_page_token)
    third = await billing.lists(page_size=2, page_token=second.next_page_token)

    pages = [[call.call_id for call in page.calls] for page in (first, second, third)]
    assert pages == [[calls[4], calls[3]], [calls[2], calls[1]], [calls[0]]]
    assert third.next_page_token == ""
    ended = await billing.lists(user_id="bob", state=pb.CALL_STATE_ENDED)
    assert [call.call_id for call in ended.calls] == [calls[1]]
    assert len((await billing.lists(user_id="alice")).calls) == 6
    assert list((await billing.lists(user_id="carol")).calls) == []


@on_one_node_and_two
async def test_calls_that_began_in_the_same_instant(
    alice: User, bob: User, billing: OtherService
) -> None:
    """Are in pages as well: none twice, none left out."""
    await alice.connect("phone")
    calls = {await alice.phone.offers(bob) for _ in range(5)}
    for _ in calls:
        await alice.phone.hears_progress(pb.PROGRESS_KIND_WAITING)

    token, seen = "", []
    for _ in range(5):
        page = await billing.lists(page_size=1, page_token=token)
        seen += [call.call_id for call in page.calls]
        token = page.next_page_token

    assert (len(seen), set(seen)) == (5, calls)


@on_one_node_and_two
async def test_trace_of_a_call(
    alice: User, bob: User, billing: OtherService, clock: ManualClock
) -> None:
    """Who did what, what went to whom for it, and how long until that was acknowledged."""
    alice.phone.acknowledges = bob.phone.acknowledges = False
    call = await answered_call(alice, bob)
    await alice.phone.trickles(call, 1, 2)
    await bob.phone.hears_candidates(2)
    await bob.phone.acks(3)
    await bob.phone.hangs_up(call)
    await alice.phone.hears("ended")
    await alice.phone.answers(call)
    await alice.phone.hears("error")

    trace = await billing.trace(call)

    assert kinds(trace) == [
        "alice offer",
        "bob answer",
        "alice candidates",
        "bob hangup",
        "alice answer",
    ]
    offer, answer, candidates, hangup, late = trace.entries
    assert [(each.device, each.kind) for each in offer.deliveries] == [(bob.phone.message, "offer")]
    assert offer.deliveries[0].HasField("acked_after")
    assert (answer.state, hangup.state) == (pb.CALL_STATE_ANSWERED, pb.CALL_STATE_ENDED)
    assert {(each.device.user_id, each.kind, each.seq) for each in answer.deliveries} == {
        ("alice", "answer", 1),
        ("bob", "progress", 2),
    }
    assert [each.kind for each in candidates.deliveries] == ["candidates"]
    assert hangup.reason == pb.END_REASON_HANGUP
    assert not any(each.HasField("acked_after") for each in hangup.deliveries)
    assert late.error == pb.ERROR_CODE_WRONG_STATE
    clock.advance(3700)
    assert (
        await billing.fails("GetCallTrace", calls_pb2.GetCallTraceRequest(call_id=call)) == NO_CALL
    )


@on_one_node_and_two
async def test_what_nobody_acknowledged_is_dropped_with_the_session(
    alice: User, bob: User, billing: OtherService
) -> None:
    """And the trace says so."""
    bob.phone.acknowledges = False
    call = await answered_call(alice, bob)
    await billing.disconnects(bob.phone)
    await alice.phone.hears_end(pb.END_REASON_PEER_GONE)

    trace = await billing.trace(call)

    assert kinds(trace) == ["alice offer", "bob answer", "bob gone"]
    for entry in trace.entries:
        assert {each.dropped for each in entry.deliveries if each.device == bob.phone.message} == {
            True
        }


@pytest.mark.parametrize(
    ("method", "request_", "fields"),
    [
        ("GetCall", calls_pb2.GetCallRequest(call_id=BAD_ID), ["call_id"]),
        ("GetCallTrace", calls_pb2.GetCallTraceRequest(), ["call_id"]),
        ("EndCall", calls_pb2.EndCallRequest(call_id="{x}"), ["call_id"]),
        ("EndCall", calls_pb2.EndCallRequest(call_id="x", text="a\0b"), ["text"]),
        ("EndCall", calls_pb2.EndCallRequest(call_id="x", text="a" * 1025), ["text"]),
        ("ListCalls", calls_pb2.ListCallsRequest(user_id=BAD_ID), ["user_id"]),
        ("ListCalls", calls_pb2.ListCallsRequest(page_size=-1), ["page_size"]),
        ("ListCalls", calls_pb2.ListCallsRequest(page_token=NO_TEXT), ["page_token"]),
        ("ListCalls", calls_pb2.ListCallsRequest(page_token=NO_PLACE), ["page_token"]),
        ("ListDevices", calls_pb2.ListDevicesRequest(), ["user_id"]),
        ("DisconnectDevice", calls_pb2.DisconnectDeviceRequest(user_id="a"), ["device_id"]),
    ],
)
async def test_malformed_field_is_named(
    billing: OtherService, method: str, request_: object, fields: list[str]
) -> None:
    """To people and to programs."""
    assert await billing.fails(method, request_) == Failure(
        StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", tuple(fields)
    )


async def test_token_of_another_list_is_refused(
    alice: User, bob: User, billing: OtherService
) -> None:
    """Its place means nothing there."""
    await alice.connect("phone")
    for _ in range(2):
        await alice.phone.offers(bob)
        await alice.phone.hears_progress(pb.PROGRESS_KIND_WAITING)
    page = await billing.lists(page_size=1)
    request = calls_pb2.ListCallsRequest(user_id="bob", page_token=page.next_page_token)

    assert await billing.fails("ListCalls", request) == Failure(
        StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", ("page_token",)
    )


@on_one_node_and_two
async def test_call_that_is_not_there(billing: OtherService) -> None:
    """Is not found by whatever asks for one."""
    for method, request in (
        ("GetCall", calls_pb2.GetCallRequest(call_id="nothing")),
        ("EndCall", calls_pb2.EndCallRequest(call_id="nothing")),
        ("GetCallTrace", calls_pb2.GetCallTraceRequest(call_id="nothing")),
    ):
        assert await billing.fails(method, request) == NO_CALL


@pytest.mark.parametrize(
    "method",
    [
        "GetCall",
        "ListCalls",
        "EndCall",
        "ListDevices",
        "DisconnectDevice",
        "GetCallTrace",
        "WatchEvents",
    ],
)
async def test_devices_learn_nothing(app: App, method: str) -> None:
    """What is for services is refused to devices, and to whoever is nobody."""
    request = getattr(calls_pb2, f"{method}Request")()
    refusals = []
    for metadata in ((("user-id", "alice"), ("device-id", "phone")), ()):
        somebody = OtherService(app.address, metadata=metadata)
        if method == "WatchEvents":
            refusals.append(await somebody.watches().fails())
        else:
            refusals.append(await somebody.fails(method, request))
        await somebody.close()

    assert refusals == [
        Failure(StatusCode.PERMISSION_DENIED, "NOT_A_SERVICE"),
        Failure(StatusCode.UNAUTHENTICATED, ""),
    ]


class TestTokens:
    """Of a device that was disconnected."""

    @pytest.fixture
    def issuer(self, clock: ManualClock) -> Issuer:
        """Whose tokens the service believes."""
        return Issuer(now=clock.now())

    @pytest.fixture
    def service_settings(self, tmp_path: Path, issuer: Issuer) -> Settings:
        """A service that takes tokens."""
        keys = str(issuer.writes(tmp_path / "keys.json"))
        return settings(auth="jwt", jwt_keys=keys, jwt_issuer=ISSUER, jwt_audience=AUDIENCE)

    @on_one_node_and_two
    async def test_older_tokens_are_refused(
        self, nodes: list[App], person: Callable[[str], User], issuer: Issuer, clock: ManualClock
    ) -> None:
        """For streams, for TURN credentials, and to renew; one that is issued now is good."""
        token = issuer.token("billing", "", role="service")
        billing = OtherService(
            *(node.address for node in nodes), metadata=(("authorization", f"Bearer {token}"),)
        )
        alice = person("alice")
        old = alice.phone.token = issuer.token("alice", "phone")
        await alice.phone.connects()
        clock.advance(5)

        await billing.disconnects(alice.phone)
        told = await alice.phone.is_ended()
        await alice.phone.opens()
        await alice.phone.sends(hello=pb.Hello(), seq=0)
        again = await alice.phone.is_ended()

        assert told == again == (StatusCode.UNAUTHENTICATED, "the device was disconnected")
        issuer.now = clock.now() + 1
        alice.phone.token = issuer.token("alice", "phone")
        await alice.phone.connects()
        await alice.phone.sends(refresh=pb.Refresh(access_token=old))
        await alice.phone.is_refused(pb.ERROR_CODE_NOT_ALLOWED)
        await billing.close()


@limited(others_burst=10_000, acks_burst=10_000)
@on_one_node_and_two
async def test_long_trace_keeps_its_beginning_and_its_end(
    alice: User, bob: User, billing: OtherService
) -> None:
    """What is left out is said to be."""
    call = await answered_call(alice, bob)
    for _ in range(520):
        await alice.phone.sends(call=call, app_message=pb.AppMessage(content_type="text/plain"))
        await bob.phone.hears("app_message")
    await bob.phone.hangs_up(call)
    await alice.phone.hears_end(pb.END_REASON_HANGUP)

    trace = await billing.trace(call)

    assert trace.truncated
    assert (kinds(trace)[0], kinds(trace)[-1]) == ("alice offer", "bob hangup")
