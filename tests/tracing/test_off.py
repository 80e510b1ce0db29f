"""A node that traces nothing lets apps trace each other."""

import pytest
from signaling.v1 import signaling_pb2 as pb

from tests.devices import User, answered_call

THEIRS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("sent", "heard"), [(THEIRS, THEIRS), ("nonsense", ""), (THEIRS + "-more", ""), (None, "")]
)
async def test_traceparent_is_carried_on(
    alice: User, bob: User, sent: str | None, heard: str
) -> None:
    """As it came, unless it is malformed."""
    call = await answered_call(alice, bob)
    message = pb.AppMessage(body=b"x")
    await alice.phone.sends(call=call, app_message=message, traceparent=sent)

    assert (await bob.phone.hears("app_message")).traceparent == heard
