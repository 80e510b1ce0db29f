"""Whatever devices do, in whatever order: the promises hold, and every row is visited."""

import math
from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from signaling_service import deadlines, registry
from signaling_service.backends import memory, memory_log
from tests.core.machine import Devices
from tests.core.observer import EVERY_VISIT, Visit, table


@cache
def visits() -> dict[Visit, int]:
    """Run the machine; how often each row of the table was gone through, to each next state."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "handle", Devices.observer.handle)
        patch.setattr(memory, "forward", Devices.observer.forward)
        patch.setattr(memory_log, "EVENT_MEMORY", math.inf)  # all are looked at, at the end
        for module in (registry, deadlines):
            patch.setattr(module, "log", Devices.observer.journal)
        run_state_machine_as_test(Devices, settings=settings(stateful_step_count=60))
    return Devices.observer.visits


@pytest.mark.timeout(1800)
def test_promises_hold_whatever_happens() -> None:
    """Runs of random calls, each checked at every step, at every app, and at rest."""
    assert sum(visits().values()) > 0


@pytest.mark.timeout(1800)
def test_every_row_is_visited(record_property: Callable[[str, object], None]) -> None:
    """Runs that miss a row would prove nothing about it."""
    record_property("visits", table(visits()))

    assert [row for row in EVERY_VISIT if not visits().get(row)] == []
