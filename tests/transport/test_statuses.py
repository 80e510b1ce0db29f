"""How a stream ends: a gRPC status and a fixed text, never UNKNOWN, never an exception's text."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence

import grpc
import pytest
from grpc import StatusCode
from signaling.v1 import signaling_pb2 as pb
from signaling.v1 import signaling_pb2_grpc
from structlog.testing import capture_logs

from signaling_service.backends.base import Applied, Step
from signaling_service.backends.memory import MemoryBackend
from signaling_service.core.rules import Rules
from signaling_service.limits import LimitSettings
from signaling_service.transport.door import Door
from signaling_service.transport.reception import Reception
from signaling_service.transport.server import Server
from signaling_service.transport.servicer import SignalingServicer
from signaling_service.transport.streams import Streams
from tests.clock import ManualClock
from tests.devices import CHANNEL_OPTIONS, PATIENCE, User, answered_call
from tests.transport.carrier import a_service
from tests.transport.http2 import CONNECT

ByteStream = grpc.aio.StreamStreamCall[bytes, bytes]
ICE_SERVERS = "/signaling.v1.SignalingService/GetIceServers"
CANARY = "canary-4711"
ALICES_PHONE = (("user-id", "alice"), ("device-id", "phone"))


@pytest.fixture
async def channel(alice: User) -> AsyncIterator[grpc.aio.Channel]:
    """A connection that sends bytes as they are."""
    async with grpc.aio.insecure_channel(alice.address, options=CHANNEL_OPTIONS) as channel:
        yield channel


async def ends(stream: ByteStream) -> tuple[StatusCode, str]:
    """How the service ends a stream."""
    async with asyncio.timeout(PATIENCE):
        return await stream.code(), await stream.details()


async def test_half_close_is_a_polite_drop(alice: User, bob: User) -> None:
    """OK, and what was there to say is said; the session may be resumed."""
    call = await answered_call(alice, bob)
    for number in range(10):
        await alice.phone.trickles(call, number)

    assert await bob.phone.half_closes() is StatusCode.OK

    await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
    assert (await bob.phone.resumes()).resumed
    assert await bob.phone.hears_candidates(10) == list(range(10))


async def test_half_close_without_a_hello(alice: User) -> None:
    """Nothing was said at all."""
    await alice.phone.opens()

    assert await alice.phone.half_closes() is StatusCode.FAILED_PRECONDITION


@pytest.mark.parametrize("junk", [b"\xff" * 100, b"\x08", b"\x22\x7f", bytes(range(256))])
async def test_junk_as_the_first_message(channel: grpc.aio.Channel, junk: bytes) -> None:
    """Bytes that are no request."""
    stream: ByteStream = channel.stream_stream(CONNECT)(metadata=ALICES_PHONE)

    await stream.write(junk)

    assert await ends(stream) == (StatusCode.INVALID_ARGUMENT, "not a ConnectRequest")


async def test_junk_later(channel: grpc.aio.Channel, alice: User) -> None:
    """The same behind a hello; the session is none the worse."""
    stream: ByteStream = channel.stream_stream(CONNECT)(metadata=ALICES_PHONE)
    await stream.write(pb.ConnectRequest(hello=pb.Hello()).SerializeToString())
    answer = await stream.read()
    assert isinstance(answer, bytes)

    await stream.write(b"\xff" * 100)

    assert await ends(stream) == (StatusCode.INVALID_ARGUMENT, "not a ConnectRequest")
    alice.phone.welcome = pb.ConnectResponse.FromString(answer).welcome
    assert (await alice.phone.resumes()).resumed


async def test_junk_in_a_unary_request(channel: grpc.aio.Channel) -> None:
    """Not a word of a parser."""
    ask: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(ICE_SERVERS)

    with pytest.raises(grpc.aio.AioRpcError) as told:
        await ask(b"\xff", metadata=ALICES_PHONE)

    assert told.value.code() is StatusCode.INVALID_ARGUMENT


IDENTITIES = {
    "none": [],
    "no device": [("user-id", "alice")],
    "no user": [("device-id", "phone")],
    "two users": [("user-id", "alice"), ("user-id", "bob"), ("device-id", "phone")],
    "two devices": [("user-id", "alice"), ("device-id", "phone"), ("device-id", "phone")],
    "two in one": [("user-id", "alice, bob"), ("device-id", "phone")],
    "empty": [("user-id", ""), ("device-id", "phone")],
    "too long": [("user-id", "a" * 129), ("device-id", "phone")],
    "a pattern": [("user-id", "alice"), ("device-id", "*")],
    "a hash tag": [("user-id", "{alice}"), ("device-id", "phone")],
    "other case": [("user-id", "alice"), ("device_id", "phone")],
}


@pytest.mark.parametrize("metadata", IDENTITIES.values(), ids=IDENTITIES.keys())
async def test_identity(
    alice: User, channel: grpc.aio.Channel, metadata: Sequence[tuple[str, str]]
) -> None:
    """Missing, doubled or malformed: before any work, whatever the method."""
    told = (StatusCode.UNAUTHENTICATED, "user-id and device-id are needed")

    await alice.phone.opens(metadata)
    assert await alice.phone.is_ended() == told

    ask = signaling_pb2_grpc.SignalingServiceStub(channel).GetIceServers
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await ask(pb.GetIceServersRequest(), metadata=tuple(metadata))
    assert (refused.value.code(), refused.value.details()) == told


async def test_longest_identity(alice: User, person: Callable[[str], User]) -> None:
    """128 printable characters; whatever gRPC carries and is no space, brace or star."""
    name = "".join(chr(code) for code in range(33, 127) if chr(code) not in "{}*") + "a" * 37
    caller = person(name)
    await alice.phone.connects()

    await caller.phone.connects()
    await caller.phone.offers(alice)

    assert (await alice.phone.hears("offer")).sender == caller.phone.message


@pytest.mark.parametrize("path", ["/signaling.v1.SignalingService/Nope", "/x.Y/Connect", "/"])
async def test_unknown_method(channel: grpc.aio.Channel, path: str) -> None:
    """UNIMPLEMENTED, with or without credentials."""
    stream: ByteStream = channel.stream_stream(path)()

    assert (await ends(stream))[0] is StatusCode.UNIMPLEMENTED


class BrokenBackend(MemoryBackend):
    """Fails for the call `broken`, with a secret in its exception."""

    async def apply(self, step: Step) -> Applied:
        """Fail, if it is that call."""
        if step.call_id == "broken":
            raise RuntimeError(CANARY)
        return await super().apply(step)


@pytest.fixture
async def broken_address(clock: ManualClock) -> AsyncIterator[str]:
    """Where a service listens whose backend has a bug."""
    limits = LimitSettings()
    service = a_service(clock, limits, BrokenBackend(clock, Rules()))
    door = Door(service.authenticator, 8192)
    servicer = SignalingServicer(
        service, Reception(service, Streams(clock, service.ice), door), door
    )
    server = Server([servicer], limits, reflect=False)
    address = server.add_port("127.0.0.1:0", None)
    await server.start()
    yield address
    await server.stop(0)


async def test_bug_in_the_service(broken_address: str) -> None:
    """INTERNAL with an id that is in the log, where the rest of it is; the session goes on."""
    carol = User("carol", broken_address)
    await carol.phone.connects()

    with capture_logs() as logs:
        await carol.phone.rings("broken")
        code, text = await carol.phone.is_ended()

    assert code is StatusCode.INTERNAL
    found = re.fullmatch(r"internal error ([0-9a-f]{8})", text)
    assert found is not None
    mistakes = [line for line in logs if line["log_level"] == "error"]
    assert [(line["event"], line["error_id"]) for line in mistakes] == [("stream_failed", found[1])]
    assert (await carol.phone.resumes()).resumed
    await carol.close()


async def test_half_close_acknowledges_all(alice: User, bob: User) -> None:
    """The stream flushes before it ends: the device knows what was processed."""
    call = await answered_call(alice, bob)
    await alice.phone.trickles(call, 1)

    await alice.phone.half_closes()

    assert alice.phone.acked_by_service == alice.phone.seq
