"""A policy as the service asks it: no is the answer to doubt, and nobody asks twice."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from signaling_service.core.model import Device, Verdict
from signaling_service.policy import cached
from signaling_service.policy.base import PolicyFailedError
from signaling_service.policy.cached import Cached
from tests.clock import ManualClock
from tests.core.names import ALICE, ALICES_PHONE, MALLORY


class Scripted:
    """A policy that answers what it is told: a verdict, garbage, an error to raise."""

    def __init__(self, answer: Any = Verdict.ALLOWED) -> None:
        self.answer = answer
        self.asked: list[tuple[Device, str, str | None]] = []
        self.hold: asyncio.Event | None = None
        self.is_asked = asyncio.Event()
        self.has_answered = asyncio.Event()
        self.lets_go = True  # of a question that is called off
        self.has_started = self.has_closed = False

    async def start(self) -> None:
        """See `CallPolicy`."""
        self.has_started = True

    async def close(self) -> None:
        """See `CallPolicy`."""
        self.has_closed = True

    async def may_call(
        self, caller: Device, callee_user_id: str, callee_device_id: str | None
    ) -> Verdict:
        """See `CallPolicy`; waits while it is held."""
        self.asked.append((caller, callee_user_id, callee_device_id))
        self.is_asked.set()
        while self.hold is not None and not self.hold.is_set():
            try:
                await self.hold.wait()
            except asyncio.CancelledError:
                if self.lets_go:
                    raise
        self.has_answered.set()
        if isinstance(self.answer, BaseException):
            raise self.answer
        answer: Verdict = self.answer
        return answer


@pytest.fixture
def policy() -> Scripted:
    """Allows everything."""
    return Scripted()


@pytest.fixture
def asks(policy: Scripted, clock: ManualClock) -> Cached:
    """Asks the policy."""
    return Cached(policy, clock)


@pytest.mark.parametrize("verdict", Verdict)
async def test_the_verdict_is_the_policys(policy: Scripted, asks: Cached, verdict: Verdict) -> None:
    """Whatever it is, and it is asked for it once."""
    policy.answer = verdict

    assert [await asks.may_call(ALICE, "bob", None) for _ in range(3)] == [verdict] * 3
    assert policy.asked == [(ALICE, "bob", None)]


async def test_answers_are_counted(policy: Scripted, asks: Cached) -> None:
    """By what they were; a verdict that is kept is no answer, and whatever is none has failed."""
    for callee, answer in (("bob", Verdict.ALLOWED), ("carol", Verdict.NOT_ALLOWED), ("dan", None)):
        policy.answer = answer
        for _ in range(2):
            await asks.may_call(ALICE, callee, None)

    assert asks.answers == {"allowed": 1, "not_allowed": 1, "not_allowed_openly": 0, "failed": 2}


async def test_each_question_has_its_verdict(policy: Scripted, asks: Cached) -> None:
    """Another device of the caller, another callee, and a device that is named: each is asked."""
    questions = [
        (ALICE, "bob", None),
        (ALICES_PHONE, "bob", None),
        (ALICE, "carol", None),
        (ALICE, "bob", "phone"),
    ]

    for question in questions * 2:
        await asks.may_call(*question)

    assert policy.asked == questions


async def test_verdict_grows_old(policy: Scripted, asks: Cached, clock: ManualClock) -> None:
    """It counts from when it was asked for, not from the answer."""
    policy.hold = asyncio.Event()
    asking = asyncio.create_task(asks.may_call(ALICE, "bob", None))
    await policy.is_asked.wait()
    clock.advance(0.25)
    policy.hold.set()
    assert await asking is Verdict.ALLOWED

    clock.advance(cached.MAX_AGE - 0.5)
    await asks.may_call(ALICE, "bob", None)
    assert len(policy.asked) == 1
    clock.advance(0.25)
    await asks.may_call(ALICE, "bob", None)
    assert len(policy.asked) == 2


async def test_clock_that_is_set_back(policy: Scripted, asks: Cached, clock: ManualClock) -> None:
    """No verdict counts longer for that."""
    await asks.may_call(ALICE, "bob", None)

    vars(clock)["_now"] -= 60
    await asks.may_call(ALICE, "bob", None)

    assert len(policy.asked) == 2


async def test_clock_that_is_set_back_meanwhile(
    policy: Scripted, asks: Cached, clock: ManualClock
) -> None:
    """The verdict counts, and is not kept."""
    policy.hold = asyncio.Event()
    asking = asyncio.create_task(asks.may_call(ALICE, "bob", None))
    await policy.is_asked.wait()

    vars(clock)["_now"] -= 60
    policy.hold.set()

    assert await asking is Verdict.ALLOWED
    assert vars(asks)["_known"] == {}


async def test_one_question_for_all_who_ask_at_once(policy: Scripted, asks: Cached) -> None:
    """One who leaves takes nobody's answer along."""
    policy.hold = asyncio.Event()
    asking = [asyncio.create_task(asks.may_call(ALICE, "bob", None)) for _ in range(5)]
    await policy.is_asked.wait()

    asking[0].cancel()
    await asyncio.wait([asking[0]])
    policy.hold.set()

    assert await asyncio.gather(*asking[1:]) == [Verdict.ALLOWED] * 4
    assert len(policy.asked) == 1


@pytest.mark.parametrize("lets_go", [True, False], ids=["lets-go", "holds-on"])
async def test_no_answer_in_time_is_a_no(
    policy: Scripted, asks: Cached, clock: ManualClock, *, lets_go: bool
) -> None:
    """Also where the policy does not let go of the question."""
    policy.hold, policy.lets_go = asyncio.Event(), lets_go
    asking = asyncio.create_task(asks.may_call(ALICE, "bob", None))
    await policy.is_asked.wait()
    clock.advance(cached.TIMEOUT - 0.05)
    assert clock.next_at is not None

    with capture_logs() as log:
        clock.advance(0.1)
        assert await asking is Verdict.NOT_ALLOWED

    assert [(line["event"], line["error"]) for line in log] == [
        ("call_policy_failed", "TimeoutError")
    ]
    assert clock.next_at is None
    policy.hold.set()
    if not lets_go:
        await policy.has_answered.wait()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (ConnectionRefusedError("secret words"), "ConnectionRefusedError"),
        (PolicyFailedError("UNAVAILABLE"), "UNAVAILABLE"),
        (asyncio.CancelledError(), "cancelled"),
        (None, "TypeError"),
        (True, "TypeError"),
        ("allowed", "TypeError"),
        (1, "TypeError"),
    ],
    ids=repr,
)
async def test_whatever_is_no_verdict_is_a_no(
    policy: Scripted, asks: Cached, answer: Any, told: str
) -> None:
    """It is logged by its kind, and not kept: the next call asks again."""
    policy.answer = answer

    with capture_logs() as log:
        assert await asks.may_call(ALICE, "bob", None) is Verdict.NOT_ALLOWED

    assert log == [
        {"event": "call_policy_failed", "error": told, "failures": 1, "log_level": "warning"}
    ]
    policy.answer = Verdict.ALLOWED
    assert await asks.may_call(ALICE, "bob", None) is Verdict.ALLOWED


async def test_a_policy_that_is_down_does_not_flood_the_log(
    policy: Scripted, asks: Cached, clock: ManualClock
) -> None:
    """A line in ten seconds, with how many failures it stands for."""
    policy.answer = OSError()
    with capture_logs() as log:
        for _ in range(20):
            for _ in range(10):
                await asks.may_call(ALICE, "bob", None)
            clock.advance(1)

    assert [line["failures"] for line in log] == [1, 100]


async def test_verdicts_are_bounded(
    policy: Scripted, asks: Cached, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest goes first, and what is too old does not stay."""
    monkeypatch.setattr(cached, "MAX_VERDICTS", 3)
    known = vars(asks)["_known"]
    for callee in "abcd":
        await asks.may_call(MALLORY, callee, None)
    assert [question.callee_user_id for question in known] == ["b", "c", "d"]

    clock.advance(cached.MAX_AGE)
    await asks.may_call(MALLORY, "e", None)

    assert [question.callee_user_id for question in known] == ["e"]
    assert vars(asks)["_asking"] == {}
    assert len(policy.asked) == 5


async def test_start_and_close(policy: Scripted, asks: Cached, clock: ManualClock) -> None:
    """They are the policy's; a question under way is called off."""
    await asks.start()
    policy.hold = asyncio.Event()
    asking = asyncio.create_task(asks.may_call(ALICE, "bob", None))
    await policy.is_asked.wait()

    await asks.close()

    await asyncio.wait([asking])
    assert asking.cancelled()
    assert (policy.has_started, policy.has_closed) == (True, True)
    assert clock.next_at is None
