"""What the service says of its health, to whoever asks and to whoever watches."""

import resource
from collections.abc import AsyncIterator, Callable

import grpc
import pytest
from grpc import StatusCode
from grpc_health.v1 import health_pb2 as pb

from signaling_service.app import App
from signaling_service.transport.descriptors import RESERVED, descriptors_left
from tests.devices import CHANNEL_OPTIONS, PATIENCE
from tests.faults.health import NOT_SERVING, SERVICE, SERVING, turns
from tests.hostile.silent import watches_health
from tests.transport.http2 import Http2

CHECK = "/grpc.health.v1.Health/Check"


@pytest.fixture
async def channel(app: App) -> AsyncIterator[grpc.aio.Channel]:
    """A connection to the service."""
    async with grpc.aio.insecure_channel(app.address, options=CHANNEL_OPTIONS) as channel:
        yield channel


async def status(channel: grpc.aio.Channel, service: str) -> int:
    """What it says when it is asked."""
    check = channel.unary_unary(
        CHECK,
        request_serializer=pb.HealthCheckRequest.SerializeToString,
        response_deserializer=pb.HealthCheckResponse.FromString,
    )
    answer = await check(pb.HealthCheckRequest(service=service), timeout=PATIENCE)
    return int(answer.status)


@pytest.mark.parametrize("service", ["", SERVICE])
async def test_it_serves(channel: grpc.aio.Channel, service: str) -> None:
    """Whether it is alive, and whether it is ready."""
    assert await status(channel, service) == SERVING


async def test_a_service_that_there_is_not(channel: grpc.aio.Channel) -> None:
    """It is not found."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await status(channel, "no.such.Service")

    assert caught.value.code() is StatusCode.NOT_FOUND


async def test_one_who_watches_and_does_not_read(app: App, http2: Callable[[], Http2]) -> None:
    """Others hear of every change, also that the service is leaving."""
    miser = http2()
    await watches_health(miser, 0)
    miser.ping()
    await miser.hears_pong()

    await turns(app.address, SERVICE, SERVING)
    await app.drain()

    await turns(app.address, SERVICE, NOT_SERVING)


def test_descriptors_for_everything_else() -> None:
    """Connections get what the process may open, less what it needs itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1000), hard))
    try:
        assert descriptors_left() == min(soft, 1000) - RESERVED
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
