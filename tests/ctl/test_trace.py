"""The ladder of a call between real devices."""

import re

from signaling.v1 import signaling_pb2 as pb

from signaling_service.app import App
from tests.canaries import CANARY
from tests.devices import User

from .terminal import typed

CALL = "3f0c9d0e-8f7a-4b52-9d4c-51b4c1c0a001"
COLOUR = r"\x1b\[[\d;]*3\dm"
LADDER = """\
          alice             service              bob                bob
         laptop                                 phone             tablet
       t    ├───── offer ─────▶│                  │                  │
            │              ● RINGING              │                  │
            │                  ├───── offer ─────▶│                  │  ✓ some time
            │                  ├──────────────────┼───── offer ─────▶│  ✓ some time
       t    │                  │◀─── ringing ─────┤                  │
            │◀─── progress ────┤                  │                  │  ✓ some time
       t    │                  │◀──── answer ─────┤                  │
            │             ● ANSWERED              │                  │
            │◀──── answer ─────┤                  │                  │  ✓ some time
            │                  ├──── progress ───▶│                  │  ✓ some time
            │                  ├──────────────────┼───── ended ─────▶│  ✓ some time
       t    │                  │◀──── answer ─────┼──────────────────┤
            │            ✗ WRONG_STATE            │                  │
       t    ├─── candidates ──▶│                  │                  │
            │                  ├─── candidates ──▶│                  │  ✓ some time
       t    │                  │◀──── state ──────┤                  │
            │             ● CONNECTED             │                  │
            │◀──── state ──────┤                  │                  │  ✓ some time
       t    ├───── hangup ────▶│                  │                  │
            │           ● ENDED HANGUP            │                  │
            │◀──── ended ──────┤                  │                  │  ✓ some time
            │                  ├───── ended ─────▶│                  │  ✓ some time
            │                  │                  │                  │
ENDED HANGUP after some time; 10 acknowledged within some time
"""


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
    await bob.tablet.answers(CALL)
    await bob.tablet.is_refused(pb.ERROR_CODE_WRONG_STATE)
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
    text = re.sub(r"<?\d+ ms|\d+\.\d s", "some time", text)
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


async def test_the_ladder_of_a_call(service: App, alice: User, bob: User) -> None:
    """Who sent what to whom, that it was acknowledged, where the call stood; and no description."""
    await called(alice, bob)

    said = await typed(service.address, "trace", CALL)

    assert (said.code, timeless(said.out), said.err) == (0, LADDER, "")
    assert max(map(len, said.out.splitlines())) <= 80
    assert CANARY not in said.out


async def test_the_records_of_a_call(service: App, alice: User, bob: User) -> None:
    """Each step is a line; what came of it is in it."""
    await called(alice, bob)

    records = (await typed(service.address, "trace", CALL, "--json")).records

    steps = [(each["sender"]["deviceId"], each["kind"]) for each in records]
    assert steps == [
        ("laptop", "offer"),
        ("phone", "ringing"),
        ("phone", "answer"),
        ("tablet", "answer"),
        ("laptop", "candidates"),
        ("phone", "connection_state"),
        ("laptop", "hangup"),
    ]
    assert records[3]["error"] == "ERROR_CODE_WRONG_STATE"
    assert records[-1]["reason"] == "END_REASON_HANGUP"


async def test_colours_are_for_terminals(service: App, alice: User, bob: User) -> None:
    """Not for a pipe, and not where somebody wants none; forced ones only colour."""
    await called(alice, bob)

    piped = await typed(service.address, "trace", CALL)
    forced = await typed(service.address, "trace", CALL, FORCE_COLOR="1", TERM="xterm")
    unwanted = await typed(service.address, "trace", CALL, FORCE_COLOR="1", NO_COLOR="1")

    assert "\x1b" not in piped.out
    assert re.search(COLOUR, forced.out)
    assert timeless(re.sub(r"\x1b\[[\d;]*m", "", forced.out)) == LADDER
    assert not re.search(COLOUR, unwanted.out)
