"""What looks bad and does no harm: it is served, and means nothing."""

from collections.abc import Callable

from signaling.v1 import signaling_pb2 as pb

from tests.bad_inputs.bystanders import Bystanders
from tests.bad_inputs.case import MINE
from tests.bad_inputs.scenes import in_call
from tests.devices import User


async def test_unknown_session_of_10_kb(
    bystanders: Bystanders, person: Callable[[str], User]
) -> None:
    """A fresh session, as for any that nobody knows."""
    mallory = person("mallory")
    for session_id in ("x" * 10_000, "\0", "{x}*\r\n"):
        assert not (await mallory.phone.connects(pb.Hello(session_id=session_id))).resumed
        await mallory.phone.drops()

    await bystanders.are_undisturbed()
    await bystanders.are_alone(mallory)


async def test_claimed_sender(bystanders: Bystanders, person: Callable[[str], User]) -> None:
    """A field that no request has is ignored: the sender is who has the credentials."""
    mallory, trent = person("mallory"), person("trent")
    await in_call(mallory, trent)
    await trent.phone.hears_progress(pb.PROGRESS_KIND_WON)
    mallory.phone.seq += 1
    request = pb.ConnectRequest(seq=mallory.phone.seq, call_id=MINE, app_message=pb.AppMessage())
    claim = pb.ConnectResponse(sender=pb.Device(user_id="alice", device_id="phone"))
    body = claim.SerializeToString().replace(b"\x22", b"\xf2\x3e", 1)  # as field 1006

    await mallory.phone.writes(pb.ConnectRequest.FromString(request.SerializeToString() + body))

    heard = await trent.phone.hears("app_message")
    assert heard.sender == mallory.phone.message
    assert b"alice" not in heard.SerializeToString()
    await bystanders.are_undisturbed()
    await bystanders.are_alone(mallory, trent)
