"""Every method of a server ends with a status and a fixed text, also those of other servicers."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc import StatusCode
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from structlog.testing import capture_logs

from signaling_service.app import App
from signaling_service.transport.guard import Guard
from tests.devices import CHANNEL_OPTIONS, PATIENCE

HEALTH = "/grpc.health.v1.Health"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection"
NO_REQUEST = (StatusCode.INVALID_ARGUMENT, "not a request of this method")
JUNK = [b"\xff" * 100, b"\x08", b"\x0a\x7f", b"\x0a\x02\xff\xff", bytes(range(256))]
CANARY = "canary-4711"


def connection(address: str) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)


@pytest.fixture
async def channel(app: App) -> AsyncIterator[grpc.aio.Channel]:
    """A connection that sends bytes as they are."""
    async with connection(app.address) as channel:
        yield channel


async def ended(call: Any) -> tuple[StatusCode, str]:
    """How the service ends a call."""
    async with asyncio.timeout(PATIENCE):
        return await call.code(), await call.details()


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
async def test_junk(channel: grpc.aio.Channel, junk: bytes) -> None:
    """Not a word of a parser, whatever the kind of the method."""
    check: Any = channel.unary_unary(f"{HEALTH}/Check")
    watch: Any = channel.unary_stream(f"{HEALTH}/Watch")
    reflect: Any = channel.stream_stream(f"{REFLECTION}/ServerReflectionInfo")

    assert await ended(check(junk)) == NO_REQUEST
    assert await ended(watch(junk)) == NO_REQUEST
    stream = reflect()
    await stream.write(junk)
    assert await ended(stream) == NO_REQUEST


async def test_junk_later(channel: grpc.aio.Channel) -> None:
    """The answers before it have come."""
    reflect: Any = channel.stream_stream(f"{REFLECTION}/ServerReflectionInfo")
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    stream = reflect()
    await stream.write(request.SerializeToString())
    assert b"signaling.v1.SignalingService" in await stream.read()

    await stream.write(b"\xff")

    assert await ended(stream) == NO_REQUEST


async def test_health_speaks_for_itself(channel: grpc.aio.Channel) -> None:
    """A service that it does not know is NOT_FOUND; its stream tells of every change."""
    stub: Any = health_pb2_grpc.HealthStub(channel)

    nobody = health_pb2.HealthCheckRequest(service="nobody")
    assert (await ended(stub.Check(nobody)))[0] is StatusCode.NOT_FOUND
    watch = stub.Watch(nobody)
    assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
    watch.cancel()
    half: Any = channel.stream_stream(f"{REFLECTION}/ServerReflectionInfo")()
    await half.done_writing()
    assert (await ended(half))[0] is StatusCode.OK


async def test_method_that_is_not_served(channel: grpc.aio.Channel) -> None:
    """Health could list services, and does not."""
    lists: Any = channel.unary_unary(f"{HEALTH}/List")

    assert await ended(lists(b"")) == (
        StatusCode.UNIMPLEMENTED,
        "this method is not served",
    )


class Broken(health_pb2_grpc.HealthServicer):
    """Has bugs, with a secret in their exceptions."""

    async def Check(self, _request: object, _context: object) -> None:  # noqa: N802 - gRPC's name
        """Fail."""
        raise ValueError(CANARY)

    async def Watch(self, _request: object, _context: object) -> AsyncIterator[object]:  # noqa: N802 - gRPC's name
        """Answer once, and fail."""
        yield health_pb2.HealthCheckResponse()
        raise ValueError(CANARY)


async def test_bug_of_a_servicer() -> None:
    """INTERNAL with an id that is in the log, where the rest of it is."""
    server = grpc.aio.server(interceptors=(Guard(),))
    health_pb2_grpc.add_HealthServicer_to_server(Broken(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with connection(f"127.0.0.1:{port}") as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest()
        with capture_logs() as logs:
            told = [await ended(stub.Check(request))]
            watch = stub.Watch(request)
            await watch.read()
            told.append(await ended(watch))
    await server.stop(0)

    ids = [line["error_id"] for line in logs if line["event"] == "rpc_failed"]
    assert told == [(StatusCode.INTERNAL, f"internal error {error_id}") for error_id in ids]
    assert len(ids) == 2
