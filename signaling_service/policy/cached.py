"""A policy as the service asks it: in time, not twice at once, and no is the answer to doubt."""

import asyncio
from itertools import islice
from typing import Final, NamedTuple

import structlog

from signaling_service.clock import Clock, sleep
from signaling_service.core.model import Device, Verdict
from signaling_service.policy.base import CallPolicy, PolicyFailedError

TIMEOUT: Final = 0.3  # s; the caller waits as long before hearing anything
MAX_AGE: Final = 5.0  # s; so long somebody who was blocked a moment ago still gets through
MAX_VERDICTS: Final = 10_000  # some MB; a node begins fewer calls within the age
MAX_FORGOTTEN: Final = 8  # at a time: a call pays for some of the others, not for all
FAILED: Final = "failed"  # the one answer that is no verdict
QUIET: Final = 10.0  # s; a policy that is down fails for every call, and one line says it

log = structlog.get_logger()


class Question(NamedTuple):
    """Who wants to call whom."""

    caller: Device
    callee_user_id: str
    callee_device_id: str | None


class Known(NamedTuple):
    """A verdict, and when the policy was asked for it; seconds."""

    verdict: Verdict
    asked_at: float


class Cached:
    """A `CallPolicy` that never fails: it asks another one, and says no where that does not answer.

    Verdicts hold for `MAX_AGE`. A failure is not kept: the next call asks again. Who
    asks the same at the same time shares an answer. `answers` counts them, by what they were.
    """

    def __init__(self, policy: CallPolicy, clock: Clock) -> None:
        self._policy = policy
        self._clock = clock
        self._known: dict[Question, Known] = {}  # the oldest first
        self._asking: dict[Question, asyncio.Task[Verdict]] = {}
        self.answers = dict.fromkeys([*(each.name.lower() for each in Verdict), FAILED], 0)
        self._failures = 0  # that no line of the log has told of
        self._told_at = float("-inf")

    async def start(self) -> None:
        """See `CallPolicy.start`."""
        await self._policy.start()

    async def close(self) -> None:
        """See `CallPolicy.close`."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        if asking:
            await asyncio.wait(asking)
        await self._policy.close()

    async def may_call(
        self, caller: Device, callee_user_id: str, callee_device_id: str | None
    ) -> Verdict:
        """See `CallPolicy.may_call`; this one raises nothing."""
        question = Question(caller, callee_user_id, callee_device_id)
        known = self._known.get(question)
        if known is not None and self._holds(known):
            return known.verdict
        asking = self._asking.get(question)
        if asking is None:
            asking = self._asking[question] = asyncio.create_task(self._ask(question))
            asking.add_done_callback(lambda _: self._asking.pop(question))
        return await asyncio.shield(asking)  # one who leaves takes nobody's answer along

    async def _ask(self, question: Question) -> Verdict:
        asked_at = self._clock.now()
        answer = await self._answer_in_time(question)
        self.answers[answer.name.lower() if isinstance(answer, Verdict) else FAILED] += 1
        if isinstance(answer, Verdict):
            self._keep(question, Known(answer, asked_at))
            return answer
        self._tell(answer)
        return Verdict.NOT_ALLOWED

    async def _answer_in_time(self, question: Question) -> Verdict | Exception:
        """What the policy says, or what is wrong with it."""
        answering = asyncio.create_task(_answer(self._policy, question))
        over = asyncio.create_task(sleep(self._clock, TIMEOUT))
        try:
            await asyncio.wait([answering, over], return_when=asyncio.FIRST_COMPLETED)
        finally:
            # not waited for: a policy may hold on to a task that is cancelled
            answering.cancel()
            over.cancel()
        if not answering.done():
            return TimeoutError()
        if answering.cancelled():
            return PolicyFailedError("cancelled")
        return answering.result()

    def _holds(self, known: Known) -> bool:
        # the clock may be set back, and no verdict may hold for longer for that
        return 0 <= self._clock.now() - known.asked_at < MAX_AGE

    def _keep(self, question: Question, known: Known) -> None:
        """Remember a verdict, and forget the oldest: those that are too old or too many."""
        self._known.pop(question, None)
        self._known[question] = known
        for oldest in list(islice(self._known, MAX_FORGOTTEN)):
            if len(self._known) > MAX_VERDICTS or not self._holds(self._known[oldest]):
                del self._known[oldest]

    def _tell(self, error: Exception) -> None:
        """Log a failure by its kind, but not each of many."""
        self._failures += 1
        now = self._clock.now()
        if now - self._told_at < QUIET:
            return
        kind = str(error) if isinstance(error, PolicyFailedError) else type(error).__name__
        log.warning("call_policy_failed", error=kind, failures=self._failures)
        self._failures, self._told_at = 0, now


async def _answer(policy: CallPolicy, question: Question) -> Verdict | Exception:
    """What a policy says, whatever it is."""
    try:
        answer: object = await policy.may_call(*question)
    except Exception as error:  # noqa: BLE001 - somebody else's code
        return error
    return answer if isinstance(answer, Verdict) else TypeError()
