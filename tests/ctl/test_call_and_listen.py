"""Test calls from one terminal to another."""

import re

import pytest

from signaling_service.app import App

from .terminal import typed, typing

ENDINGS = {"declined": (10, "DECLINED"), "busy_everywhere": (11, "BUSY")}


def events(out: str) -> list[str]:
    """The names of what happened, without times and details."""
    return [line.split()[1] for line in out.splitlines()]


async def test_a_call_that_is_answered(service: App) -> None:
    """It rings, is answered, connects, and ends with a hangup of the caller: both sides tell."""
    async with typing(service.address, "listen", "--count", "1", "--after", "0.1") as bob:
        await bob.says("listening as bob/phone")

        alice = await typed(service.address, "call", "bob", "--seconds", "0.1")
        heard = await bob.ends()

    assert (alice.code, heard.code) == (0, 0)
    steps = r"calling.*ringing +bob/phone.*answered +bob/phone.*peer state connected"
    assert re.search(steps + r".*ended +HANGUP by alice/phone\n$", alice.out, re.DOTALL)
    assert re.search(r"incoming +alice/phone.*won.*ended +HANGUP by alice", heard.out, re.DOTALL)
    assert max(map(len, (alice.out + heard.out).splitlines())) <= 80


async def test_records_of_a_call(service: App) -> None:
    """With --json each side is a record a line, with the protocol's names; and no description."""
    listen = ("listen", "--json", "--count", "1", "--after", "0")
    async with typing(service.address, *listen) as bob:
        await bob.says("listening")

        alice = await typed(service.address, "call", "bob", "--json", "--seconds", "0")
        heard = await bob.ends()

    assert alice.records[0]["event"] == "calling"
    assert (
        alice.records[-1].items()
        >= {
            "event": "ended",
            "reason": "END_REASON_HANGUP",
            "endedBy": {"userId": "alice", "deviceId": "phone"},
        }.items()
    )
    answered = {"event": "answered", "device": {"userId": "bob", "deviceId": "phone"}}
    assert [each for each in alice.records if answered.items() <= each.items()]
    assert len({each["callId"] for each in alice.records + heard.records}) == 1
    assert "v=0" not in alice.out + heard.out
    assert "candidate:" not in alice.out + heard.out


@pytest.mark.parametrize("reason", ENDINGS)
async def test_a_call_that_is_rejected(service: App, reason: str) -> None:
    """The exit code says how."""
    code, word = ENDINGS[reason]
    async with typing(service.address, "listen", "--reject", reason, "--after", "0") as bob:
        await bob.says("listening")

        alice = await typed(service.address, "call", "bob")

    assert alice.code == code
    assert alice.out.splitlines()[-1].split()[1:3] == ["ended", word]


async def test_a_call_that_nobody_answers(service: App) -> None:
    """It rings on; Ctrl-C cancels it, and the other side hears so."""
    async with typing(service.address, "listen", "--ring", "--count", "1") as bob:
        await bob.says("listening")
        async with typing(service.address, "call", "bob") as alice:
            await alice.says("ringing +bob/phone")

            alice.interrupt()
            said = await alice.ends()
        heard = await bob.ends()

    assert said.code == 1
    assert events(said.out)[-1] == events(heard.out)[-1] == "ended"
    assert "CANCELLED" in said.out
    assert "CANCELLED" in heard.out


async def test_stopping_to_listen(service: App) -> None:
    """Ctrl-C hangs up what was answered, and is no failure."""
    async with typing(service.address, "listen", "--after", "0") as bob:
        await bob.says("listening")
        async with typing(service.address, "call", "bob", "--seconds", "60") as alice:
            await alice.says("peer state connected")

            bob.interrupt()
            heard = await bob.ends()
            said = await alice.ends()

    assert (said.code, heard.code) == (0, 0)
    assert "ended      HANGUP by bob/phone" in said.out


async def test_two_devices_under_one_name(service: App) -> None:
    """The older one is told that it was replaced, and ends."""
    async with typing(service.address, "listen") as older:
        await older.says("listening")
        async with typing(service.address, "listen") as newer:
            await newer.says("listening")

            said = await older.ends()

    assert said.code == 3
    assert "error disconnected: replaced by a newer connection" in said.err


async def test_a_device_that_is_kicked(service: App) -> None:
    """It is told that it was disconnected, and does not come back by itself."""
    async with typing(service.address, "listen") as bob:
        await bob.says("listening")

        kicked = await typed(service.address, "kick", "bob", "phone", "--json")
        said = await bob.ends()

    assert (kicked.code, kicked.records) == (0, [{}])
    assert said.code == 3
    assert "error not let in: the device was disconnected; " in said.err


async def test_who_is_no_device(service: App) -> None:
    """A name that cannot be one is a mistake of whoever typed it."""
    said = await typed(service.address, "call", "bob", "--from", "alice")

    assert (said.code, said.out) == (2, "")
    assert said.err == "error --from: USER/DEVICE is needed, such as alice/phone\n"
