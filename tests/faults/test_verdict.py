"""What the fault runs would find: each invariant, broken in a call that is otherwise right."""

from collections.abc import Callable

import pytest
from signaling.v1 import signaling_pb2 as pb

from tests.devices import candidate, sdp
from tests.faults.ledger import Heard, Ledger, Sent
from tests.faults.story import open_calls, story
from tests.faults.verdict import judge

ALICE, BOB, TABLET = "alice/phone", "bob/phone", "bob/tablet"
HANGUP = pb.CallEnded(
    reason=pb.END_REASON_HANGUP, ended_by=pb.Device(user_id="alice", device_id="phone")
)
ELSEWHERE = pb.CallEnded(
    reason=pb.END_REASON_ANSWERED_ELSEWHERE, ended_by=pb.Device(user_id="bob", device_id="phone")
)

Break = Callable[[list[Sent], list[Heard]], object]


def asks(ledger: Ledger, device: str, **payload: object) -> None:
    """A device sends a request that the service acknowledges."""
    request = pb.ConnectRequest(call_id="call", **payload)  # type: ignore[arg-type]  # any payload
    ledger.sent(device, request).is_acknowledged = True


def tells(ledger: Ledger, device: str, sender: str = "", **payload: object) -> None:
    """A device hears a response."""
    response = pb.ConnectResponse(call_id="call", **payload)  # type: ignore[arg-type]  # likewise
    if sender:
        user_id, _, device_id = sender.partition("/")
        response.sender.CopyFrom(pb.Device(user_id=user_id, device_id=device_id))
    ledger.heard(device, response)


def a_call() -> Ledger:
    """Alice calls Bob, whose phone answers: candidates both ways, a message, a hangup."""
    ledger = Ledger()
    offer = {"offer": pb.SdpOffer(recipient_user_id="bob", sdp=sdp(f"{ALICE}+1"))}
    answer = {"answer": pb.SdpAnswer(sdp=sdp(f"{BOB}+1"))}
    lines = [candidate(number, f"{ALICE}+1") for number in (2, 3)]
    candidates = {"candidates": pb.IceCandidates(candidates=lines)}
    message = {"app_message": pb.AppMessage(body=f"4 {ALICE} 0".encode())}
    asks(ledger, ALICE, **offer)
    asks(ledger, ALICE, **candidates)
    for device in (BOB, TABLET):
        tells(ledger, device, ALICE, **offer)
    asks(ledger, BOB, **answer)
    tells(ledger, TABLET, ended=ELSEWHERE)
    tells(ledger, BOB, progress=pb.CallProgress(kind=pb.PROGRESS_KIND_WON))
    tells(ledger, BOB, ALICE, **candidates)
    tells(ledger, ALICE, BOB, **answer)
    asks(ledger, ALICE, **message)
    tells(ledger, BOB, ALICE, **message)
    for device in (ALICE, BOB):
        tells(ledger, device, ended=HANGUP)
    return ledger


def broken(break_it: Break) -> Ledger:
    """The same call, but for one thing."""
    ledger = a_call()
    sent = [entry for entry in ledger.entries if isinstance(entry, Sent)]
    heard = [entry for entry in ledger.entries if isinstance(entry, Heard)]
    break_it(sent, heard)
    ledger.entries = [*sent, *heard]
    return ledger


def test_nothing_is_wrong_with_a_call_that_is_right() -> None:
    """All of it arrived: four numbers at Bob and one at Alice, and one at the tablet."""
    verdict = judge(a_call())

    assert verdict.problems == []
    assert verdict.counts == {"messages": 6}


OFFER, TABLET_OFFER, TABLET_END, WON, CANDIDATES, ANSWER, MESSAGE, ALICE_END, BOB_END = range(9)


@pytest.mark.parametrize(
    ("break_it", "problem"),
    [
        (lambda _, heard: heard.pop(MESSAGE), "bob/phone never heard of alice/phone: [4]"),
        (
            lambda _, heard: heard.insert(MESSAGE, heard[MESSAGE]),
            "bob/phone heard twice of alice/phone: [4]",
        ),
        (
            lambda _, heard: heard.insert(CANDIDATES, heard.pop(MESSAGE)),
            "bob/phone heard of alice/phone in this order: [1, 4, 2, 3]",
        ),
        (
            lambda _, heard: heard.insert(OFFER, heard.pop(CANDIDATES)),
            "bob/phone heard candidates of alice/phone+1 before their description",
        ),
        (
            lambda _, heard: heard.append(Heard(0, TABLET, heard[WON].response)),
            "['bob/phone', 'bob/tablet'] have all won",
        ),
        (lambda _, heard: heard.pop(BOB_END), "bob/phone was told of 0 ends"),
        (
            lambda _, heard: heard.append(heard[BOB_END]),
            "bob/phone was told of 2 ends",
        ),
        (
            lambda _, heard: heard.append(heard[OFFER]),
            "bob/phone heard offer after the end",
        ),
        (
            lambda _, heard: heard.insert(OFFER, Heard(0, "eve/phone", heard[OFFER].response)),
            "eve/phone is no party",
        ),
        (
            lambda _, heard: setattr(heard[MESSAGE].response.app_message, "body", b"4 eve/phone 0"),
            "bob/phone heard under the name of alice/phone",
        ),
        (
            lambda _, heard: setattr(heard[BOB_END].response.ended, "text", "by Bob"),
            "bob/phone was told reason: END_REASON_HANGUP",
        ),
        (
            lambda sent, _: sent.pop(),
            "bob/phone heard what alice/phone never sent: [4]",
        ),
    ],
)
def test_each_invariant_is_looked_at(break_it: Break, problem: str) -> None:
    """Whatever is wrong is named."""
    problems = [text for _, text in judge(broken(break_it)).problems]

    assert any(text.startswith(problem) for text in problems), problems


def test_what_was_reported_may_be_missing() -> None:
    """A request that was refused as not stored need not arrive, and is no loss."""

    def report(sent: list[Sent], heard: list[Heard]) -> None:
        sent[-1].is_reported = True
        del heard[MESSAGE]

    assert judge(broken(report)).problems == []


def test_a_story_can_be_read() -> None:
    """A line for each thing that a device did or heard; calls that go on are found."""
    ledger = broken(lambda _, heard: heard.pop(BOB_END))

    assert open_calls(ledger) == ["call"]
    assert len(story(ledger, "call").splitlines()) == 1 + 4 + 8
