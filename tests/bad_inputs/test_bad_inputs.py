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
from tests.devices import PATIENCE, User
from tests.tokens import Issuer
from tests.wires import wire_to


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
    """How the service ends a stream on which all this is sent."""
    async with asyncio.timeout(PATIENCE):
        wire = await wire_to(address, case.metadata(issuer), method=case.method)
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):  # it may be over
            for each in case.sends:
                await wire.write(each if isinstance(each, bytes) else each.SerializeToString())
        while await wire.read() is not None:
            pass
        ending = await wire.ending()
        await wire.close()
        return ending


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
