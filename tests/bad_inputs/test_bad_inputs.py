"""One bad input after the other: its answer, the others, and what is left of it."""

import asyncio
import contextlib
from collections.abc import Callable

import grpc
from grpc import StatusCode
from signaling.v1 import signaling_pb2 as pb

from tests.bad_inputs.bystanders import Bystanders
from tests.bad_inputs.case import Case, Ended, Refused
from tests.bad_inputs.scenes import SCENES
from tests.devices import PATIENCE, User, channel_to
from tests.tokens import Issuer

ByteStream = grpc.aio.StreamStreamCall[bytes, bytes]


async def test_bad_input(
    case: Case, bystanders: Bystanders, person: Callable[[str], User], issuer: Issuer
) -> None:
    """It has its one answer; two people in a call do not notice, and nothing is left of it."""
    mallory, trent = person("mallory"), person("trent")

    if isinstance(case, Ended):
        assert await end_of(case, mallory.address, issuer) == (case.status, case.text)
    else:
        await is_refused(case, mallory, trent)

    await bystanders.are_undisturbed()
    await bystanders.are_alone(mallory, trent)


async def end_of(case: Ended, address: str, issuer: Issuer) -> tuple[StatusCode, str]:
    """How the service ends an RPC on which all this is sent."""
    async with channel_to(address) as channel, asyncio.timeout(PATIENCE):
        stream: ByteStream = channel.stream_stream(case.method)(metadata=case.metadata(issuer))
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):  # it may be over
            for each in case.sends:
                await stream.write(each if isinstance(each, bytes) else each.SerializeToString())
            while await stream.read() is not grpc.aio.EOF:
                pass
        return await stream.code(), await stream.details()


async def is_refused(case: Refused, mallory: User, trent: User) -> None:
    """The last request has exactly this error, and the next one is served."""
    await SCENES[case.scene](mallory, trent)
    phone = mallory.phone
    for each in case.sends:
        phone.seq += 1
        request = pb.ConnectRequest(seq=phone.seq)
        request.MergeFrom(each)
        await phone.writes(request)
    for kind in case.hears:
        await phone.hears(kind)
    error = pb.RequestError(in_reply_to=phone.seq)
    error.MergeFrom(case.error)
    assert (await phone.hears("error")).error == error
    await phone.hears_nothing()
