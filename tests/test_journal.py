"""What a node writes down: a line for each thing that matters, and never a flood."""

from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any

import pytest
from grpc import StatusCode
from signaling.v1 import signaling_pb2 as pb
from structlog.testing import capture_logs

from signaling_service.core.errors import RateLimitedError, WrongStateError
from signaling_service.core.model import Device
from signaling_service.journal import LINES, QUIET, STRANGERS, Journal
from signaling_service.transport import errors
from tests.clock import ManualClock
from tests.devices import User, answered_call
from tests.transport.node import people, running

ALICE, BOB = Device("alice", "phone"), Device("bob", "phone")
Lines = Sequence[MutableMapping[str, Any]]


@pytest.fixture
def journal(clock: ManualClock) -> Journal:
    """A node's."""
    return Journal(clock)


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What is written."""
    with capture_logs() as logs:
        yield logs


def of(lines: Lines, event: str) -> list[dict[str, Any]]:
    """The lines of an event, without its name and level."""
    return [
        {name: value for name, value in line.items() if name not in ("event", "log_level")}
        for line in lines
        if line["event"] == event
    ]


async def test_a_call_has_one_line(
    lines: Lines, alice: User, bob: User, clock: ManualClock
) -> None:
    """At its end, with who, why and how long; no line for a message."""
    await alice.connect("phone")
    await bob.connect("phone")
    call = await alice.phone.offers(bob)
    await bob.phone.hears("offer")
    clock.advance(4)
    await bob.phone.answers(call)
    await alice.phone.hears("answer")
    clock.advance(1)
    await alice.phone.reports(call, pb.PEER_CONNECTION_STATE_CONNECTED)
    await bob.phone.hears_progress(pb.PROGRESS_KIND_WON)
    await bob.phone.hears("connection_state")
    before = len(lines)
    await alice.phone.trickles(call, 1)
    await bob.phone.hears("candidates")
    assert len(lines) == before
    clock.advance(60)
    await alice.phone.hangs_up(call)
    await alice.phone.hears_end(pb.END_REASON_HANGUP)

    assert of(lines, "call_ended") == [
        {
            "call_id": call,
            "reason": "HANGUP",
            "user_id": "alice",
            "device_id": "phone",
            "callee_user_id": "bob",
            "callee_device_id": "phone",
            "seconds_ringing": 4,
            "seconds_connected": 60,
        }
    ]


async def test_a_call_that_nobody_answers_has_rung(
    lines: Lines, alice: User, bob: User, clock: ManualClock
) -> None:
    """To its end, and was never connected."""
    await alice.connect("phone")
    await alice.phone.offers(bob)
    await alice.phone.hears_progress(pb.PROGRESS_KIND_WAITING)
    clock.advance(60)
    await alice.phone.hears_end(pb.END_REASON_NO_ANSWER)
    (line,) = of(lines, "call_ended")

    assert (line["reason"], line["callee_device_id"]) == ("NO_ANSWER", None)
    assert (line["seconds_ringing"], line["seconds_connected"]) == (60, None)


async def test_a_device_has_a_line_for_each_stream(lines: Lines, alice: User) -> None:
    """How it began, how it ended and how long it was."""
    await alice.phone.connects()
    await alice.phone.half_closes()
    await alice.phone.resumes()
    await alice.phone.writes(pb.ConnectRequest(seq=7, call_id="call", ringing=pb.Ringing()))
    await alice.phone.is_ended()

    events = [line["event"] for line in lines if line["event"] != "serving"]
    assert events == ["session_opened", "stream_ended", "session_resumed", "stream_ended"]
    polite, gap = of(lines, "stream_ended")
    assert polite == {**ALICE._asdict(), "status": "OK", "text": "", "seconds": 0}
    assert (gap["status"], gap["text"]) == ("INVALID_ARGUMENT", "seq: there is a gap")


async def test_whoever_is_not_let_in_has_a_line(lines: Lines, alice: User) -> None:
    """With where they come from, and why."""
    await alice.phone.opens(metadata=())
    code, text = await alice.phone.is_ended()
    (line,) = of(lines, "turned_away")

    assert (line["status"], line["text"]) == (code.name, text)
    assert line["peer"].startswith("ipv4:127.0.0.1:")


def test_a_limit_that_is_met_has_a_line(journal: Journal, lines: Lines) -> None:
    """Another refusal is for whoever looks closer."""
    journal.refused(ALICE, "call", RateLimitedError("offer: too many", retry_after=1))
    journal.refused(ALICE, "call", WrongStateError("it is over"))

    assert [(line["event"], line["log_level"], line["code"]) for line in lines] == [
        ("limit_met", "info", "RATE_LIMITED"),
        ("request_refused", "debug", "WRONG_STATE"),
    ]
    assert lines[0]["detail"] == "offer: too many"


def test_one_user_cannot_flood_the_log(journal: Journal, lines: Lines, clock: ManualClock) -> None:
    """Nor keep others out of it; what was left out is counted."""
    for _ in range(10_000):
        journal.session_began(ALICE, is_resumed=True)
    assert len(lines) == LINES.burst

    journal.session_began(BOB, is_resumed=True)
    assert of(lines, "session_resumed")[-1] == BOB._asdict()
    assert of(lines, "lines_left_out") == [{"lines": 10_000 - LINES.burst}]

    clock.advance(QUIET)
    for _ in range(100):
        journal.session_ended(ALICE)
    assert len(of(lines, "session_ended")) == QUIET * LINES.per_second
    assert len(of(lines, "lines_left_out")) == 1


def test_strangers_cannot_flood_the_log(journal: Journal, lines: Lines) -> None:
    """All together are held to be one, since their names are their own choice."""
    for number in range(10_000):
        journal.turned_away(f"ipv4:192.0.2.1:{number}", errors.NO_DEVICE)

    assert len(lines) == STRANGERS.burst
    assert lines[0]["status"] == StatusCode.PERMISSION_DENIED.name


@pytest.mark.parametrize(("level", "is_closer"), [("debug", True), ("info", False)])
async def test_log_level(level: str, is_closer: bool) -> None:  # noqa: FBT001 - a case
    """The option says how close a look it is."""
    async with running("--log-level", level) as node, people(node, "alice", "bob") as (alice, bob):
        call = await answered_call(alice, bob)
        await alice.phone.rings(call)
        await alice.phone.is_refused(pb.ERROR_CODE_WRONG_STATE)
        await alice.close()
        await bob.close()
        node.terminate()
        assert await node.exits() == 0

    events = {line["event"] for line in node.log}
    assert {"serving", "session_opened", "stream_ended"} <= events
    assert ("request_refused" in events) is is_closer
