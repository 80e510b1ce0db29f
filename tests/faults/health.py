"""What a node says of its health."""

import asyncio
from typing import Final

import grpc
from grpc_health.v1 import health_pb2

from tests.devices import CHANNEL_OPTIONS
from tests.faults.profile import PATIENCE

SERVICE: Final = "signaling.v1.SignalingService"
SERVING: Final = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING


async def turns(address: str, service: str, status: int) -> None:
    """Wait until the health of a node is this; `service` is "" for its being alive."""
    request = health_pb2.HealthCheckRequest(service=service)
    async with (
        asyncio.timeout(PATIENCE),
        grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as channel,
    ):
        watch = channel.unary_stream(
            "/grpc.health.v1.Health/Watch",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        async for response in watch(request):
            if response.status == status:
                return
    raise AssertionError(f"{service} never was {status}")
