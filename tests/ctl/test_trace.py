"""The ladder of a call between real devices."""

import re

from signaling.v1 import signaling_pb2 as pb

from tests.devices import User

CALL = "3f0c9d0e-8f7a-4b52-9d4c-51b4c1c0a001"


async def called(alice: User, bob: User) -> None:
    """A call that rings at two devices; one answers, the other is too late."""
    await alice.connect("laptop")
    await bob.connect("phone", "tablet")
    await alice.laptop.offers(bob, call=CALL)
    await bob.phone.is_rung()
    await alice.laptop.hears_progress(pb.PROGRESS_KIND_RINGING)
    await bob.tablet.hears("offer")
    await bob.phone.answers(CALL)
    await alice.laptop.hears("answer")
    await bob.phone.hears_progress(pb.PROGRESS_KIND_WON)
    await bob.tablet.hears_end(pb.END_REASON_ANSWERED_ELSEWHERE)
    await alice.laptop.trickles(CALL, 1, 2)
    await bob.phone.hears_candidates(2)
    await bob.phone.reports(CALL, pb.PEER_CONNECTION_STATE_CONNECTED)
    await alice.laptop.hears("connection_state")
    await alice.laptop.hangs_up(CALL)
    await alice.laptop.hears_end(pb.END_REASON_HANGUP)
    await bob.phone.hears_end(pb.END_REASON_HANGUP)
    for device in (alice.laptop, bob.phone, bob.tablet):
        await device.hears_nothing()  # by then every ack has arrived


def timeless(text: str) -> str:
    """The ladder without times and spaces at the end of a line."""
    text = re.sub(r"^ *[\d.]+s", lambda found: "t".rjust(len(found[0])), text, flags=re.MULTILINE)
    text = re.sub(r"\d+ ms|\d+\.\d s", "some time", text)
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())
