"""SIGTERM: every device is told, nobody is cut off before the deadline, the process exits 0."""

import asyncio
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from grpc import StatusCode
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.devices import CHANNEL_OPTIONS, PATIENCE, answered_call
from tests.transport.node import people, running

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


async def test_devices_leave() -> None:
    """Each is told to wait a little longer than the one before; when all have left it exits."""
    async with running("--drain-deadline", "20") as node, people(node, "alice", "bob") as users:
        alice, bob = users
        await alice.connect("phone", "tablet")
        await bob.connect("phone", "tablet")
        devices = [alice.phone, alice.tablet, bob.phone, bob.tablet]

        node.terminate()

        drainings = [(await device.hears("draining")).draining for device in devices]
        assert [draining.reconnect_after.ToSeconds() for draining in drainings] == [0, 4, 8, 12]
        assert all(draining.deadline == Duration(seconds=20) for draining in drainings)
        for device in devices:
            assert await device.half_closes() is StatusCode.OK
        assert await node.exits() == 0


async def test_calls_go_on_until_their_devices_leave() -> None:
    """A drain ends no call: what is on its way arrives."""
    async with running() as node, people(node, "alice", "bob") as (alice, bob):
        call = await answered_call(alice, bob)
        node.terminate()
        await alice.phone.hears("draining")
        await bob.phone.hears("draining")

        await alice.phone.trickles(call, 1)

        assert await bob.phone.hears_candidates(1) == [1]


async def test_new_streams_are_turned_away() -> None:
    """UNAVAILABLE, to try elsewhere; health says so to load balancers."""
    async with running() as node, people(node, "alice", "bob") as (alice, bob):
        await alice.phone.connects()
        await alice.tablet.opens()  # and says no hello
        await alice.tablet.is_noticed()
        async with grpc.aio.insecure_channel(node.address, options=CHANNEL_OPTIONS) as channel:
            health: Any = health_pb2_grpc.HealthStub(channel)
            watch = health.Watch(health_pb2.HealthCheckRequest())
            async with asyncio.timeout(PATIENCE):
                assert (await watch.read()).status == SERVING

                node.terminate()
                assert (await watch.read()).status == NOT_SERVING

            named = health_pb2.HealthCheckRequest(service="signaling.v1.SignalingService")
            assert (await health.Check(named)).status == NOT_SERVING
            watch.cancel()
        await alice.phone.hears("draining")
        await bob.phone.opens()
        assert await bob.phone.is_ended() == (StatusCode.UNAVAILABLE, "draining")
        assert await alice.tablet.is_ended() == (StatusCode.UNAVAILABLE, "draining")


async def test_deadline() -> None:
    """Who has not left by then is cut off."""
    async with running("--drain-deadline", "0.3") as node, people(node, "alice") as (alice,):
        await alice.phone.connects()

        node.terminate()

        await alice.phone.hears("draining")
        assert await alice.phone.is_ended() == (StatusCode.UNAVAILABLE, "draining")
        assert await node.exits() == 0


async def test_second_signal() -> None:
    """Somebody is in a hurry: the drain is over at once."""
    async with running("--drain-deadline", "600") as node, people(node, "alice") as (alice,):
        await alice.phone.connects()
        node.terminate()
        await alice.phone.hears("draining")

        node.terminate()

        assert await alice.phone.is_ended() == (StatusCode.UNAVAILABLE, "draining")
        assert await node.exits() == 0


async def test_nobody_there() -> None:
    """An idle node exits at once."""
    async with running("--drain-deadline", "600") as node:
        node.terminate()

        assert await node.exits() == 0
