"""The spans of a call, as a collector for OpenTelemetry gets them."""

from collections.abc import AsyncIterator

import grpc
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from signaling.v1 import calls_pb2, calls_pb2_grpc, signaling_pb2_grpc
from signaling.v1 import signaling_pb2 as pb

from signaling_service.app import App
from signaling_service.config import Settings
from signaling_service.limits import LimitSettings
from signaling_service.tracing.context import Place, of_call, parse
from tests import canaries
from tests.clock import ManualClock
from tests.devices import User, answered_call, candidate, channel_to
from tests.shared import on_one_node_and_two
from tests.tracing.collector import Collector, collecting, place, told

THEIRS = Place(0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331)


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    """Where the traces of the service go."""
    async with collecting() as running:
        yield running
        for request in running.requests:
            canaries.watch("a span", request)


@pytest.fixture
def sample() -> float:
    """How many of the calls are traced."""
    return 1


@pytest.fixture
def service_settings(collector: Collector, sample: float) -> Settings:
    """A service that traces."""
    return Settings(
        listen="127.0.0.1:0",
        otlp_endpoint=collector.url,
        trace_sample=sample,
        limits=LimitSettings(stuck_write_seconds=100_000),
    )


async def test_a_call_is_traced(
    alice: User, bob: User, collector: Collector, clock: ManualClock
) -> None:
    """A span for each message, by whom and about what, which links to the call's own span."""
    call = await answered_call(alice, bob)
    clock.advance(2)
    await alice.phone.trickles(call, 1, 2)
    await bob.phone.hears("candidates")
    await alice.phone.hangs_up(call)
    await alice.phone.hears_end(pb.END_REASON_HANGUP)
    whole = await collector.one("call")

    assert place(whole) == of_call(call)
    assert whole.end_time_unix_nano - whole.start_time_unix_nano == 2_000_000_000
    assert [event.name for event in whole.events] == ["answered"]
    assert told(whole) == {
        "signaling.call_id": call,
        "signaling.caller.user_id": "alice",
        "signaling.caller.device_id": "phone",
        "signaling.callee.user_id": "bob",
        "signaling.callee.device_id": "phone",
        "signaling.reason": "HANGUP",
    }
    await collector.has(lambda: collector.named("hangup"))
    messages = [span for span in collector.spans if span.name != "call"]
    assert sorted(span.name for span in messages) == ["answer", "candidates", "hangup", "offer"]
    for span in messages:
        sender = "bob" if span.name == "answer" else "alice"
        found = dict(told(span))
        assert found.pop("signaling.seq") in (1, 2, 3)
        assert found == {
            "signaling.call_id": call,
            "signaling.user_id": sender,
            "signaling.device_id": "phone",
            "signaling.outcome": "OK",
        }
        assert [place(link) for link in span.links] == [of_call(call)]
        assert span.kind == Span.SPAN_KIND_SERVER
        assert not span.parent_span_id


async def test_peers_go_on_with_the_span(alice: User, bob: User, collector: Collector) -> None:
    """What a device sends is a child of its span; what its peer gets names the service's."""
    await alice.connect("phone")
    await bob.connect("phone")
    offer = pb.SdpOffer(recipient_user_id="bob", sdp="v=0\r\n")
    await alice.phone.sends(call="call", offer=offer, traceparent=str(THEIRS))
    heard = await bob.phone.hears("offer")
    span = await collector.one("offer")

    assert place(span) == parse(heard.traceparent)
    assert int.from_bytes(span.trace_id) == THEIRS.trace_id
    assert int.from_bytes(span.parent_span_id) == THEIRS.span_id


@on_one_node_and_two
async def test_nodes_agree_on_a_call(alice: User, bob: User, collector: Collector) -> None:
    """Its one span is that of the node that ends it, and all messages link to it."""
    call = await answered_call(alice, bob)
    await alice.phone.trickles(call, 1)
    await bob.phone.hears("candidates")
    await bob.phone.hangs_up(call)
    await bob.phone.hears_end(pb.END_REASON_HANGUP)
    await alice.phone.hears_end(pb.END_REASON_HANGUP)
    await collector.has(lambda: len(collector.spans) == 5)

    (whole,) = collector.named("call")
    assert place(whole) == of_call(call)
    links = {place(link) for span in collector.spans for link in span.links if span != whole}
    assert links == {of_call(call)}
    assert parse(str(place(collector.named("offer")[0]))) == place(whole.links[0])


@pytest.mark.parametrize("sample", [0])
async def test_clients_may_ask_for_a_trace(alice: User, bob: User, collector: Collector) -> None:
    """A sampled `traceparent` is recorded whatever the ratio is; of its call the whole span too."""
    await alice.connect("phone")
    await bob.connect("phone")
    offer = pb.SdpOffer(recipient_user_id="bob", sdp="v=0\r\n")
    await alice.phone.sends(call="call", offer=offer, traceparent=str(THEIRS))
    await bob.phone.hears("offer")
    await alice.phone.hangs_up("call")
    await alice.phone.hears_end(pb.END_REASON_CANCELLED)
    await collector.has(lambda: len(collector.spans) == 2)

    assert {span.name for span in collector.spans} == {"offer", "call"}


@pytest.mark.parametrize("sample", [0])
async def test_what_is_not_sampled_is_carried_on(
    alice: User, bob: User, collector: Collector
) -> None:
    """Unchanged, in every kind of message; and what was not there does not appear."""
    theirs = str(THEIRS._replace(is_sampled=False))
    call = await answered_call(alice, bob)
    lines = pb.IceCandidates(candidates=[candidate(1)])
    await alice.phone.sends(call=call, candidates=lines, traceparent=theirs)
    assert (await bob.phone.hears("candidates")).traceparent == theirs
    message = pb.AppMessage(body=b"x")
    await alice.phone.sends(call=call, app_message=message)
    assert not (await bob.phone.hears("app_message")).HasField("traceparent")
    await alice.phone.sends(call=call, hangup=pb.Hangup(), traceparent=theirs)
    assert (await bob.phone.hears("ended")).traceparent == theirs
    assert collector.spans == []


async def test_a_refusal_is_the_outcome(alice: User, collector: Collector) -> None:
    """By its code; it is no error of the service."""
    await alice.connect("phone")
    await alice.phone.hangs_up("no-such-call")
    await alice.phone.is_refused(pb.ERROR_CODE_CALL_NOT_FOUND)
    span = await collector.one("hangup")

    assert told(span)["signaling.outcome"] == "CALL_NOT_FOUND"
    assert span.status.code == Status.STATUS_CODE_UNSET


async def test_hellos_are_traced_where_asked_for(alice: User, collector: Collector) -> None:
    """They are about no call that could be sampled."""
    await alice.connect("phone")
    await alice.phone.drops()
    await alice.phone.opens()
    await alice.phone.sends(hello=pb.Hello(), seq=0, traceparent=str(THEIRS))
    await alice.phone.hears("welcome")
    span = await collector.one("hello")

    assert int.from_bytes(span.parent_span_id) == THEIRS.span_id


async def test_unary_rpcs_are_traced_where_asked_for(app: App, collector: Collector) -> None:
    """By the `traceparent` of the request metadata; the status is the outcome."""
    asked = (("traceparent", str(THEIRS)), ("user-id", "alice"))
    async with channel_to(app.address) as channel:
        devices = signaling_pb2_grpc.SignalingServiceStub(channel)
        await devices.GetIceServers(
            pb.GetIceServersRequest(), metadata=(*asked, ("device-id", "phone"))
        )
        services = calls_pb2_grpc.CallServiceStub(channel)
        unknown = calls_pb2.GetCallRequest(call_id="none")
        with pytest.raises(grpc.aio.AioRpcError):
            await services.GetCall(unknown, metadata=(*asked, ("role", "service")))
        with pytest.raises(grpc.aio.AioRpcError):
            await devices.GetIceServers(pb.GetIceServersRequest(), metadata=asked[:1])
    await collector.has(lambda: len(collector.spans) == 3)

    assert sorted((span.name, told(span)["signaling.outcome"]) for span in collector.spans) == [
        ("GetCall", "NOT_FOUND"),
        ("GetIceServers", "OK"),
        ("GetIceServers", "UNAUTHENTICATED"),
    ]
    assert {int.from_bytes(span.parent_span_id) for span in collector.spans} == {THEIRS.span_id}


@on_one_node_and_two
async def test_late_devices_go_on_with_the_trace(
    alice: User, bob: User, collector: Collector
) -> None:
    """A phone that is woken gets the offer with its trace, and the candidates with theirs."""
    await alice.connect("phone")
    call = await alice.phone.offers(bob)
    await alice.phone.hears_progress(pb.PROGRESS_KIND_WAITING)
    await alice.phone.trickles(call, 1)
    await bob.connect("phone")
    offer = await bob.phone.hears("offer")
    await bob.phone.answers(call)
    await bob.phone.hears("progress")
    candidates = await bob.phone.hears("candidates")

    assert parse(offer.traceparent) == place(await collector.one("offer"))
    assert parse(candidates.traceparent) == place(await collector.one("candidates"))


@pytest.mark.parametrize("text", ["nonsense", "x" * 1000])
async def test_malformed_traceparent_is_ignored(
    alice: User, bob: User, collector: Collector, text: str
) -> None:
    """The message counts as if it had none."""
    await alice.connect("phone")
    await bob.connect("phone")
    offer = pb.SdpOffer(recipient_user_id="bob", sdp="v=0\r\n")
    await alice.phone.sends(call="call", offer=offer, traceparent=text)
    heard = await bob.phone.hears("offer")
    span = await collector.one("offer")

    assert parse(heard.traceparent) == place(span)
    assert not span.parent_span_id
