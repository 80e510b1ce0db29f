"""How many series a node has: nobody but a new version can make one."""

import asyncio
from collections.abc import Callable

from signaling.v1 import signaling_pb2 as pb

from signaling_service.app import App
from signaling_service.metrics.calls import CONNECTED
from signaling_service.metrics.families import REASONS
from tests.devices import User, answered_call
from tests.metrics.scrape import GROWING, Series, scrape

USERS = 40


def series(app: App) -> set[Series]:
    """All but those of set-ups, by outcome."""
    return {each for each in scrape(app) if not each[0].startswith(GROWING)}


async def calls_and_errs(caller: User, callee: User, number: int) -> None:
    """Connect, call, talk, send nonsense under one's own names, come back, and be gone."""
    call = await answered_call(caller, callee)
    await caller.phone.trickles(call, number)
    await callee.phone.hears("candidates")
    await caller.phone.reports(call, pb.PEER_CONNECTION_STATE_CONNECTED)
    await callee.phone.hears("connection_state")
    await caller.phone.answers(f"no-such-call-{number}")
    await caller.phone.hears("error")
    await caller.phone.sends(call=f"nonsense-{number}")
    await caller.phone.hears("error")
    await caller.phone.hangs_up(call, text=f"text-{number}")
    await caller.phone.hears("ended")
    await callee.phone.hears("ended")
    await caller.phone.resumes()
    await callee.phone.half_closes()
    await caller.phone.drops()


async def test_series_do_not_grow_with_users(app: App, person: Callable[[str], User]) -> None:
    """Not by one: all are there before the first device comes."""
    before = series(app)

    pairs = [(person(f"caller-{n}"), person(f"callee-{n}")) for n in range(USERS // 2)]
    await asyncio.gather(*(calls_and_errs(*pair, n) for n, pair in enumerate(pairs)))

    assert series(app) == before


async def test_outcomes_of_set_ups_are_a_closed_set(
    app: App, person: Callable[[str], User]
) -> None:
    """`connected`, or the reason of an end."""
    for number in range(2):
        await calls_and_errs(person(f"caller-{number}"), person(f"callee-{number}"), number)

    labels = [dict(labels) for name, labels in scrape(app) if name == f"{GROWING}_count"]

    assert labels == [{"outcome": CONNECTED}]
    assert CONNECTED not in REASONS.values()


def test_every_reason_and_code_has_a_name_of_its_own() -> None:
    """Those of the protocol, but for what is not said."""
    assert len(set(REASONS.values())) == len(pb.EndReason.keys()) - 1
    assert {"hangup", "no_answer", "peer_gone"} <= set(REASONS.values())
