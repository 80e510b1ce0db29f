"""What happens, as it happens, and nothing of it twice or never."""

import re

from signaling.v1 import signaling_pb2 as pb

from examples.proxy import proxying
from signaling_service.app import App
from tests.devices import User

from .terminal import Said, typed, typing

CALL = "3f0c9d0e-8f7a-4b52-9d4c-51b4c1c0a001"
EVENTS = f"""\
time         device_connected    alice/phone
time         device_connected    bob/phone
time         offer_pending       alice/phone → bob, rings 1m 00s, reached phone
                                 name=[red]A\\nl
                                 {CALL}
time         offer_settled       alice/phone → bob, answered by bob/phone
                                 {CALL}
time         call_answered       alice/phone → bob/phone after some time
                                 {CALL}
time         call_ended          alice/phone → bob/phone HANGUP by alice/phone
                                 after some time
                                 {CALL}
"""


def timeless(text: str) -> str:
    """The lines without times, and without spaces at their end."""
    text = re.sub(r"^[\d:.]{12}", "time".ljust(12), text, flags=re.MULTILINE)
    text = re.sub(r"<?\d+ ms|\d+\.\d s", "some time", text)
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def kinds(said: Said) -> list[str]:
    """The kinds of the events that were printed as JSON."""
    return [key for each in said.records for key in each if key not in ("cursor", "time")]


async def talk(alice: User, bob: User) -> None:
    """A call from the connections to the hangup."""
    await alice.connect("phone")
    await bob.connect("phone")
    await alice.phone.offers(bob, call=CALL, metadata={"name": "[red]A\nl"})
    await bob.phone.hears("offer")
    await bob.phone.answers(CALL)
    await alice.phone.hears("answer")
    await alice.phone.hangs_up(CALL)
    await alice.phone.hears_end(pb.END_REASON_HANGUP)


async def test_a_call(service: App, alice: User, bob: User) -> None:
    """Each event in a line or two of 80 columns; Ctrl-C ends it, and says how to go on."""
    async with typing(service.address, "watch") as watch:
        await watch.says("watching")
        await talk(alice, bob)
        await watch.says("call_ended")

        watch.interrupt()
        said = await watch.ends()

    assert (said.code, timeless(said.out)) == (0, EVENTS)
    assert re.search(r"^go on with --cursor \S+$", said.err, re.MULTILINE)


async def test_going_on(service: App, alice: User, bob: User) -> None:
    """What came behind a cursor, also before one asks."""
    async with typing(service.address, "watch", "--json") as first:
        await first.says("watching")
        await talk(alice, bob)
        await first.says("callEnded")
        first.interrupt()
        records = (await first.ends()).records
    (answered,) = (each for each in records if "callAnswered" in each)

    cursor = ("--cursor", answered["cursor"])
    async with typing(service.address, "watch", "--json", *cursor) as again:
        await again.says("callEnded")
        again.interrupt()
        said = await again.ends()

    assert kinds(said) == ["callEnded"]


async def test_some_events(service: App, alice: User, bob: User) -> None:
    """Of some kinds, or of one user."""
    only = ("--kind", "call_answered", "--kind", "call_ended", "--user", "bob")
    async with typing(service.address, "watch", "--json", *only) as watch:
        await watch.says("watching")
        await talk(alice, bob)
        await alice.phone.offers(alice.tablet, call="another")
        await alice.phone.hangs_up("another")
        await alice.phone.hears_progress(pb.PROGRESS_KIND_WAITING)
        await alice.phone.hears_end(pb.END_REASON_CANCELLED)
        await watch.says("callEnded")

        watch.interrupt()
        said = await watch.ends()

    assert kinds(said) == ["callAnswered", "callEnded"]


async def test_a_connection_that_breaks(service: App, alice: User, bob: User) -> None:
    """It watches again, from where it was: nothing is missed, nothing comes twice."""
    async with (
        proxying(service.address) as proxy,
        typing(proxy.address, "watch", "--json") as watch,
    ):
        await watch.says("watching")
        await alice.connect("phone")
        await watch.says("deviceConnected")
        proxy.is_blocked = True
        proxy.cut()
        await watch.says("the stream broke")
        await bob.connect("phone")
        proxy.is_blocked = False
        await watch.says("watching again, nothing is missed")
        await watch.says("deviceConnected", times=2)

        watch.interrupt()
        said = await watch.ends()

    connected = [each["deviceConnected"] for each in said.records if "deviceConnected" in each]
    users = [each["device"]["userId"] for each in connected]
    assert users == ["alice", "bob"]


async def test_a_cursor_that_is_lost(service: App) -> None:
    """A cursor of another log: one line, and what to do."""
    said = await typed(service.address, "watch", "--cursor", "nonsense")

    assert said.code in (1, 2)
    assert said.out == ""
    assert said.err.count("\n") == 1
