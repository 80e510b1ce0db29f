"""How much there may be of one thing: bytes of a message, devices of a user."""

import asyncio

import grpc
from grpc import StatusCode
from signaling.v1 import signaling_pb2 as pb

from tests.devices import CHANNEL_OPTIONS, PATIENCE, User, answered_call
from tests.transport.http2 import CONNECT

ByteStream = grpc.aio.StreamStreamCall[bytes, bytes]


def padded(request: pb.ConnectRequest, size: int) -> pb.ConnectRequest:
    """`request` with an unknown field, `size` bytes in all."""
    body = request.SerializeToString()
    head = b"\xc2\x3e"  # field 1000, length-delimited
    length = size - len(body) - len(head) - 3  # which takes 3 bytes
    field = head + bytes([length & 127 | 128, length >> 7 & 127 | 128, length >> 14])
    padded = pb.ConnectRequest.FromString(body + field + b"x" * length)
    assert padded.ByteSize() == size
    return padded


async def test_largest_message(alice: User) -> None:
    """64 KiB and not a byte more; the session may be resumed."""
    await alice.phone.connects()
    request = pb.ConnectRequest(seq=1, call_id="no-such-call", ringing=pb.Ringing())

    await alice.phone.writes(padded(request, 64 * 1024))
    alice.phone.seq = 1
    await alice.phone.is_refused(pb.ERROR_CODE_CALL_NOT_FOUND)

    request.seq = 2
    await alice.phone.writes(padded(request, 64 * 1024 + 1))
    assert (await alice.phone.is_ended())[0] is StatusCode.RESOURCE_EXHAUSTED
    assert (await alice.phone.resumes()).resumed
    assert alice.phone.acked_by_service == 1


async def test_compressed_bomb(alice: User, bob: User) -> None:
    """40 MB in 40 KB: refused as it unpacks; the call goes on."""
    call = await answered_call(alice, bob)
    channel = grpc.aio.insecure_channel(alice.address, options=CHANNEL_OPTIONS)
    stream: ByteStream = channel.stream_stream(CONNECT)(
        metadata=alice.phone.identity, compression=grpc.Compression.Gzip
    )
    hello = pb.Hello(session_id=alice.phone.welcome.session_id)
    request = pb.ConnectRequest(hello=hello, ack=alice.phone.received)
    await stream.write(request.SerializeToString())
    assert await stream.read()

    await stream.write(bytes(40_000_000))

    async with asyncio.timeout(PATIENCE):
        assert await stream.code() is StatusCode.RESOURCE_EXHAUSTED
    await channel.close()
    await bob.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
    await alice.phone.drops()
    assert (await alice.phone.resumes()).resumed
    await alice.phone.trickles(call, 1)
    await bob.phone.hears_progress(pb.PROGRESS_KIND_BACK)
    await bob.phone.hears_candidates(1)


async def test_devices_of_a_user(alice: User) -> None:
    """16 at once; the 17th stream ends, until one of the others has gone."""
    devices = [getattr(alice, f"device{number}") for number in range(17)]
    for device in devices[:16]:
        await device.connects()

    await devices[16].opens()
    await devices[16].sends(hello=pb.Hello(), seq=0)
    assert await devices[16].is_ended() == (
        StatusCode.RESOURCE_EXHAUSTED,
        "devices of a user: at most 16 connected",
    )

    await devices[3].half_closes()
    await devices[16].connects()
    await devices[3].opens()
    await devices[3].sends(hello=pb.Hello(), seq=0)
    assert (await devices[3].is_ended())[0] is StatusCode.RESOURCE_EXHAUSTED
