"""Who is no party of a call learns nothing of it, however often it tries."""

from collections.abc import Callable
from typing import Any, Final

import pytest
from signaling.v1 import signaling_pb2 as pb

from tests.bad_inputs.bystanders import Bystanders
from tests.bad_inputs.case import THEIRS
from tests.clock import ManualClock
from tests.devices import User, candidate, sdp

BURST: Final = 100  # of requests that are not offers or candidates
TRIES: Final = 300
ABOUT_A_CALL: Final[dict[str, dict[str, Any]]] = {
    "offer": {"offer": pb.SdpOffer(sdp=sdp())},
    "answer": {"answer": pb.SdpAnswer(sdp=sdp())},
    "candidates": {"candidates": pb.IceCandidates(candidates=[candidate(1)])},
    "ringing": {"ringing": pb.Ringing()},
    "reject": {"reject": pb.Reject()},
    "hangup": {"hangup": pb.Hangup()},
    "connection state": {
        "connection_state": pb.ConnectionState(state=pb.PEER_CONNECTION_STATE_FAILED)
    },
    "app message": {"app_message": pb.AppMessage(body=b"x")},
}


@pytest.mark.parametrize("payload", ABOUT_A_CALL.values(), ids=ABOUT_A_CALL.keys())
async def test_stranger(
    bystanders: Bystanders, person: Callable[[str], User], payload: dict[str, Any]
) -> None:
    """The same bytes for somebody else's call as for none."""
    mallory = person("mallory")
    await mallory.phone.connects()
    told = []
    for call in (THEIRS, "nobody-s"):
        await mallory.phone.sends(call=call, seq=0, **payload)
        told.append((await mallory.phone.hears("error")).error)

    assert told[0].code == pb.ERROR_CODE_CALL_NOT_FOUND
    assert told[0].SerializeToString() == told[1].SerializeToString()
    await bystanders.are_undisturbed()
    await bystanders.are_alone(mallory)


async def test_guesses(
    bystanders: Bystanders, person: Callable[[str], User], clock: ManualClock
) -> None:
    """Each hears the same; after the burst no sooner than the bucket fills."""
    mallory = person("mallory")
    await mallory.phone.connects()
    for number in range(TRIES):
        await mallory.phone.sends(call=f"guess-{number}", ringing=pb.Ringing())

    told = [(await mallory.phone.hears("error")).error for _ in range(BURST)]
    await bystanders.are_undisturbed()
    assert mallory.phone.acked_by_service == BURST
    for _ in range(BURST, TRIES):
        clock.advance(0.05)
        told.append((await mallory.phone.hears("error")).error)

    assert {error.code for error in told} == {pb.ERROR_CODE_CALL_NOT_FOUND}
    assert [error.in_reply_to for error in told] == list(range(1, TRIES + 1))
    await bystanders.are_alone(mallory)
