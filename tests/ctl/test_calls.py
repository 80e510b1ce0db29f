"""Which calls and devices there are, and what an operator can do about them."""

import re

import grpc
import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.app import App
from tests.devices import User

from .terminal import typed

CALL = "3f0c9d0e-8f7a-4b52-9d4c-51b4c1c0a001"
OLDER = "3f0c9d0e-8f7a-4b52-9d4c-51b4c1c0a000"
CALLS = f"""\
CALL                                 STATE         AGE FROM → TO
{CALL} ANSWERED      AGE alice/laptop → bob/phone
{OLDER} CANCELLED     AGE alice/laptop → carol
"""
DEVICES = """\
DEVICE  STREAM    SINCE   ACTIVE  AGENT    LABELS
phone   open        AGE      AGE  app/1.0  os=ios user=[red]
tablet  lost        AGE        -
"""


def ageless(text: str) -> str:
    """The text with every age replaced by a word as wide, and without spaces at the end."""
    text = re.sub(r"<?\d+ ms|\d+\.\d s", lambda found: "AGE".rjust(len(found[0])), text)
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


async def answered(alice: User, bob: User) -> None:
    """A call that was cancelled, and one that was answered by one of two devices."""
    await alice.laptop.offers(User("carol"), call=OLDER)
    await alice.laptop.hears_progress(pb.PROGRESS_KIND_WAITING)
    await alice.laptop.hangs_up(OLDER)
    await alice.laptop.hears_end(pb.END_REASON_CANCELLED)
    await alice.laptop.offers(bob, call=CALL)
    await bob.phone.hears("offer")
    await bob.phone.answers(CALL)
    await alice.laptop.hears("answer")


async def test_the_calls(service: App, alice: User, bob: User) -> None:
    """The newest first, in 80 columns: how each stands or ended, and who called whom."""
    await alice.connect("laptop")
    await bob.connect("phone")
    await answered(alice, bob)

    said = await typed(service.address, "calls")

    assert (said.code, ageless(said.out), said.err) == (0, CALLS, "")


async def test_some_of_the_calls(service: App, alice: User, bob: User) -> None:
    """By user, by state, and no more than one wants."""
    await alice.connect("laptop")
    await bob.connect("phone")
    await answered(alice, bob)

    by_user = await typed(service.address, "calls", "--json", "--user", "carol")
    by_state = await typed(service.address, "calls", "--json", "--state", "answered")
    newest = await typed(service.address, "calls", "--json", "--limit", "1")
    none = await typed(service.address, "calls", "--user", "nobody")

    assert [each["callId"] for each in by_user.records] == [OLDER]
    assert [each["callId"] for each in by_state.records] == [CALL]
    assert [each["state"] for each in newest.records] == ["CALL_STATE_ANSWERED"]
    assert (none.code, none.out) == (0, "no calls\n")


async def test_the_devices(service: App, bob: User) -> None:
    """Those with a stream and those that may come back; what apps say is no markup."""
    labels = {"os": "ios", "user": "[red]"}
    await bob.phone.connects(pb.Hello(agent="app/1.0", labels=labels))
    await bob.phone.hears_nothing()
    await bob.tablet.connects()
    await bob.tablet.half_closes()

    said = await typed(service.address, "devices", "bob")
    records = (await typed(service.address, "devices", "bob", "--json")).records

    assert ageless(said.out) == DEVICES
    assert [each["device"]["deviceId"] for each in records] == ["phone", "tablet"]
    assert records[0]["labels"] == labels


async def test_a_user_without_devices(service: App) -> None:
    """Nobody knows him; that is no failure."""
    said = await typed(service.address, "devices", "nobody")

    assert (said.code, said.out) == (0, "nobody has no device here\n")


async def test_ending_a_call(service: App, alice: User, bob: User) -> None:
    """Both devices hear that it was terminated, with the text; to end it again does no harm."""
    await alice.connect("laptop")
    await bob.connect("phone")
    await answered(alice, bob)
    await bob.phone.hears_progress(pb.PROGRESS_KIND_WON)

    said = await typed(service.address, "end", CALL, "--text", "maintenance")
    again = await typed(service.address, "end", CALL)
    over = await typed(service.address, "end", OLDER, "--json")

    assert (await alice.laptop.hears_end(pb.END_REASON_TERMINATED)).text == "maintenance"
    assert (await bob.phone.hears_end(pb.END_REASON_TERMINATED)).text == "maintenance"
    assert (said.code, said.out) == (0, f"{CALL} ended: TERMINATED\n")
    assert again.code == 0
    assert over.records[0]["ended"]["reason"] == "END_REASON_CANCELLED"


@pytest.mark.parametrize("command", ["end", "trace"])
async def test_a_call_that_is_not_there(service: App, command: str) -> None:
    """One line, exit code 1."""
    said = await typed(service.address, command, "no-such-call")

    assert (said.code, said.out) == (1, "")
    assert re.fullmatch(r"error not found: .*CALL_NOT_FOUND.*\n", said.err)


async def test_kicking_a_device(service: App, bob: User) -> None:
    """Its stream ends, and its session cannot be resumed."""
    await bob.connect("phone", "tablet")

    said = await typed(service.address, "kick", "bob", "phone")

    assert (await bob.phone.is_ended())[0] is grpc.StatusCode.UNAUTHENTICATED
    assert (said.code, said.out) == (0, "bob/phone is off; tokens of before are refused\n")
    left = (await typed(service.address, "devices", "bob", "--json")).records
    assert [each["device"]["deviceId"] for each in left] == ["tablet"]
