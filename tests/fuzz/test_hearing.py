"""Whether a story would find out about a machine that does what it must not."""

from collections.abc import Callable
from typing import Any, Final

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.call import handle
from signaling_service.core.model import Delivery, Device, Outcome
from tests.core.names import MALLORY, PHONE
from tests.fuzz import story
from tests.fuzz.seeds import stories

Spoil = Callable[[Outcome], Outcome]


def spoiled(change: Callable[[Delivery], list[Delivery]]) -> Spoil:
    """Outcomes whose deliveries are others."""

    def spoil(outcome: Outcome) -> Outcome:
        changed = [other for each in outcome.deliveries for other in change(each)]
        return outcome._replace(deliveries=tuple(changed))

    return spoil


def without(kind: str) -> Spoil:
    """Messages of a kind are lost."""
    return spoiled(lambda each: [] if each.response.HasField(kind) else [each])  # type: ignore[arg-type]


def sent_by(device: Device) -> Spoil:
    """Whatever is forwarded seems to be from somebody else."""

    def change(each: Delivery) -> list[Delivery]:
        response = pb.ConnectResponse()
        response.CopyFrom(each.response)
        if response.HasField("sender"):
            response.sender.CopyFrom(device.message())
        return [each._replace(response=response)]

    return spoiled(change)


def forgetful(outcome: Outcome) -> Outcome:
    """A refused step loses the call."""
    return outcome if outcome.refusal is None else outcome._replace(call=None)


def generous(outcome: Outcome) -> Outcome:
    """Two devices win at once."""
    if outcome.call is None or outcome.call.callee is None:
        return outcome
    won = outcome.call.legs[outcome.call.callee.device]
    legs = {device: won._replace(device=device) for device in outcome.call.legs}
    return outcome._replace(call=outcome.call._replace(legs=legs))


MISTAKES: Final[dict[str, tuple[Spoil, str, str]]] = {
    "twice": (spoiled(lambda each: [each, each]), "seed-declined", "one `ended` each"),
    "no end": (without("ended"), "seed-answered", "losers hear it at once"),
    "no answer": (without("answer"), "seed-answered", "ahead of their description"),
    "to a stranger": (
        spoiled(lambda each: [each._replace(device=MALLORY)]), "seed-cancelled", "a stranger hears"
    ),
    "by another": (sent_by(PHONE), "seed-answered", "hears their own"),
    "by a stranger": (sent_by(MALLORY), "seed-answered", "is who has sent it"),
    "loses a call": (forgetful, "seed-stranger", "a refusal changes nothing"),
    "two winners": (generous, "seed-race", "one winner"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_machine_that_is_wrong_is_found_out(
    mistake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the story of a call in which it matters."""
    spoil, name, complaint = MISTAKES[mistake]

    def wrong(*args: Any) -> Outcome:
        return spoil(handle(*args))

    monkeypatch.setattr(story, "handle", wrong)

    with pytest.raises(AssertionError, match=complaint):
        story.story(stories()[name])
