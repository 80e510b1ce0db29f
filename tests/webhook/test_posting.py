"""Events get to a web server: all of them, in order for each call, also when it is not well."""

import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook
from structlog.testing import capture_logs

from signaling_service.backends.claims import MemoryClaims
from signaling_service.clock import SystemClock
from signaling_service.webhook.poster import READ_AT_ONCE
from signaling_service.webhook.receiver import AT_ONCE
from signaling_service.webhook.window import SIZE
from tests.webhook.hook import Hook, Posted, Reply, hooking
from tests.webhook.log import WrittenLog
from tests.webhook.node import SECRET, Node

LIFE = ("offer_pending", "offer_settled", "call_answered", "call_connected", "call_ended")
NAMES = ["offerPending", "offerSettled", "callAnswered", "callConnected", "callEnded"]
REFUSED = Reply(500)

Start = Callable[..., Node]


@pytest.fixture
def log() -> WrittenLog:
    """A log in which something has happened before anybody posted."""
    log = WrittenLog(SystemClock())
    log.happens("old", "call_ended")
    return log


@pytest.fixture
async def start(hook: Hook, log: WrittenLog, tmp_path: Path) -> AsyncIterator[Start]:
    """Starts nodes, one after the other or side by side."""
    nodes: list[Node] = []
    shared = MemoryClaims(SystemClock())

    def start(**parts: Any) -> Node:
        parts = {"url": hook.url, "claims": shared, "clock": SystemClock(), **parts}
        node = Node(log=log, file=tmp_path / "secret", **parts)
        nodes.append(node)
        node.poster.start()
        return node

    yield start
    for node in nodes:
        await node.poster.close()


async def test_an_event_is_a_signed_post(hook: Hook, log: WrittenLog, start: Start) -> None:
    """Of JSON, as protobuf writes it; from the first start on, not from before."""
    node = start()
    await node.is_active()
    log.happens("call-1", *LIFE)
    await hook.has_taken(5)

    events = await log.events("log-1", 10)
    assert [posted.event for posted in hook.taken] == list(events)
    for posted in hook.taken:
        Webhook(SECRET).verify(posted.body, dict(posted.headers))
        assert posted.path == "/hook?from=here"
        assert posted.headers["content-type"] == "application/json"
    assert len({posted.id for posted in hook.taken}) == 5
    await node.counts(5, "posts_total", result="taken")


async def test_only_some_kinds(hook: Hook, log: WrittenLog, start: Start) -> None:
    """Others are not posted, and the next start does not read them again."""
    kinds = ["call_ended", "offer_pending"]
    node = start(kinds=kinds)
    await node.is_active()
    log.happens("call-1", *LIFE)
    log.happens("call-2", "call_connected")
    await node.counts(2, "posts_total", result="taken")
    await node.poster.close()
    log.happens("call-3", "call_ended")
    start(kinds=kinds)
    await hook.has_taken(3)

    assert hook.names == ["call-1 offerPending", "call-1 callEnded", "call-3 callEnded"]


async def test_what_is_refused_comes_again(hook: Hook, log: WrittenLog, start: Start) -> None:
    """With the id that it had, so that whoever has it already can tell."""
    node = start()
    await node.is_active()
    statuses = iter([500, 410, 200])
    hook.answer = lambda _posted: Reply(next(statuses))
    log.happens("call-1", "call_ended")
    await hook.has_taken(1)

    assert len(hook.posts) == 3
    assert len({posted.id for posted in hook.posts}) == 1
    assert len({posted.body for posted in hook.posts}) == 1
    await node.counts(2, "posts_total", result="refused")


async def test_a_call_waits_and_others_do_not(hook: Hook, log: WrittenLog, start: Start) -> None:
    """What happens to one call comes in order; another call is not held up by it."""
    node = start()
    await node.is_active()
    may_go = threading.Event()

    def answer(posted: Posted) -> Reply:
        is_late = posted.name == "call-1 offerPending" and not may_go.is_set()
        return REFUSED if is_late else Reply()

    hook.answer = answer
    log.happens("call-1", *LIFE)
    for number in range(2, 5):
        log.happens(f"call-{number}", *LIFE)
    await hook.has_taken(15)
    assert not [name for name in hook.names if name.startswith("call-1 ")]
    await node.counts(1, "retrying")

    may_go.set()
    await hook.has_taken(20)
    for number in range(1, 5):
        mine = [name for name in hook.names if name.startswith(f"call-{number} ")]
        assert mine == [f"call-{number} {name}" for name in NAMES]


async def test_several_at_once(hook: Hook, log: WrittenLog, start: Start) -> None:
    """But of one call never two, and never more than agreed."""
    node = start()
    await node.is_active()
    at_once: Counter[str] = Counter()
    most: Counter[str] = Counter()
    full, lock = threading.Event(), threading.Lock()

    def answer(posted: Posted) -> Reply:
        call = posted.name.split()[0]
        with lock:
            at_once[call] += 1
            most[call] = max(most[call], at_once[call])
            if at_once.total() == AT_ONCE:
                full.set()
        full.wait(10)
        with lock:
            at_once[call] -= 1
        return Reply()

    hook.answer = answer
    for number in range(3 * AT_ONCE):
        log.happens(f"call-{number}", *LIFE)
    await hook.has_taken(3 * AT_ONCE * len(LIFE))

    assert hook.most_at_once == AT_ONCE
    assert set(most.values()) == {1}


async def test_a_redirect_is_not_followed(hook: Hook, log: WrittenLog, start: Start) -> None:
    """A signature goes to the URL of the operator, whatever that one says."""
    async with hooking() as elsewhere:
        node = start()
        await node.is_active()
        replies = iter([Reply(307, {"location": elsewhere.url}), Reply()])
        hook.answer = lambda _posted: next(replies)
        log.happens("call-1", "call_ended")
        await hook.has_taken(1)

        assert (len(hook.posts), elsewhere.posts) == (2, [])


async def test_a_restart_loses_nothing(hook: Hook, log: WrittenLog, start: Start) -> None:
    """What happened meanwhile is posted, and what nobody took before."""
    node = start()
    await node.is_active()
    log.happens("call-1", *LIFE[:2])
    await node.counts(2, "posts_total", result="taken")
    hook.answer = lambda _posted: REFUSED
    log.happens("call-1", *LIFE[2:])
    await hook.has(lambda hook: len(hook.posts) > 2)
    await node.poster.close()

    log.happens("call-2", *LIFE)
    hook.answer = lambda _posted: Reply()
    start()
    await hook.has_taken(10)

    assert Counter(hook.names) == Counter(
        f"call-{number} {name}" for number in (1, 2) for name in NAMES
    )


async def test_a_receiver_that_is_away_costs_a_window(
    hook: Hook, log: WrittenLog, start: Start
) -> None:
    """No more is read than that; it all comes once the receiver is back, and in order."""
    node = start()
    await node.is_active()
    hook.answer = lambda _posted: REFUSED
    calls = (SIZE + READ_AT_ONCE) // len(LIFE)
    for number in range(calls):
        log.happens(f"call-{number}", *LIFE)
    await hook.has(lambda hook: len(hook.posts) >= AT_ONCE)
    oldest = node.figure("oldest_seconds")
    assert oldest is not None
    assert oldest > 0
    assert log.reads <= SIZE // READ_AT_ONCE + 1

    hook.answer = lambda _posted: Reply()
    await hook.has_taken(calls * len(LIFE))
    for number in range(calls):
        mine = [name for name in hook.names if name.startswith(f"call-{number} ")]
        assert mine == [f"call-{number} {name}" for name in NAMES]
    await node.counts(0, "oldest_seconds")
    await node.counts(0, "retrying")


async def test_an_event_is_given_up_after_an_hour(
    hook: Hook, log: WrittenLog, start: Start
) -> None:
    """It is said how many were, and the next ones are posted."""
    with capture_logs() as lines:
        node = start()
        await node.is_active()
        log.happens("call-1", *LIFE, ago=3600)
        log.happens("call-2", "call_ended")
        await hook.has_taken(1)
        await node.poster.close()

    assert hook.names == ["call-2 callEnded"]
    assert node.figure("events_lost_total") == 5
    lost = [line["events"] for line in lines if line["event"] == "webhook_events_lost"]
    assert sum(lost) == 5


async def test_a_log_that_forgot_goes_on_with_what_there_is(
    hook: Hook, log: WrittenLog, start: Start
) -> None:
    """And it is said that something is missing."""
    node = start()
    await node.is_active()
    await node.poster.close()
    log.happens("call-1", *LIFE)
    log.happens("call-2", *LIFE)
    log.forgets(8)
    with capture_logs() as lines:
        start()
        await hook.has_taken(3)

    assert hook.names == [f"call-2 {name}" for name in NAMES[2:]]
    assert "webhook_events_lost" in [line["event"] for line in lines]


async def test_a_log_that_forgot_everything_is_said_once(
    hook: Hook, log: WrittenLog, start: Start
) -> None:
    """Not again with the next event, nor after the next start."""
    node = start()
    await node.is_active()
    await node.poster.close()
    log.happens("call-1", *LIFE)
    log.forgets(6)
    with capture_logs() as lines:
        node = start()
        await node.is_active()
        log.happens("call-2", "call_ended")
        await node.counts(1, "posts_total", result="taken")
        await node.poster.close()
        start()
        log.happens("call-3", "call_ended")
        await hook.has_taken(2)

    assert hook.names == ["call-2 callEnded", "call-3 callEnded"]
    assert [line["event"] for line in lines].count("webhook_events_lost") == 1


async def test_it_is_said_once_that_a_receiver_fails(
    hook: Hook, log: WrittenLog, start: Start
) -> None:
    """And once that it is back, at the latest when the node leaves; the URL is not told."""
    node = start()
    await node.is_active()
    statuses = iter([500, 503, 503, 200])
    hook.answer = lambda _posted: Reply(next(statuses), {"retry-after": "0"})
    with capture_logs() as lines:
        log.happens("call-1", "offer_pending")
        log.happens("call-2", "call_ended")
        await hook.has(lambda hook: len(hook.posts) >= 3)
        hook.answer = lambda _posted: Reply()
        await node.counts(2, "posts_total", result="taken")
        await node.poster.close()

    told = [line["event"] for line in lines]
    assert told == ["webhook_failing", "webhook_back", "webhook_released"]
    assert hook.url not in str(lines)
