"""The embedded backend keeps the contract, and does not grow."""

from collections.abc import Sequence

import pytest

from signaling_service.backends.memory import MemoryBackend
from signaling_service.backends.reminders import SLACK
from tests.backends.cell import RULES, an_answered_call
from tests.backends.contract import BackendContract
from tests.clock import ManualClock
from tests.core.events import connected, disconnected
from tests.core.names import ALICE


class MemoryCell:
    """A memory backend and its clock."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.backend = MemoryBackend(self.clock, RULES)

    @property
    def reminders(self) -> int:
        """How many entries its schedule has."""
        return len(vars(self.backend)["_reminders"])

    async def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    async def leftovers(self) -> Sequence[str]:
        """Names of the stores that are not empty."""
        return [kind for kind, count in self.backend.held().items() if count]


@pytest.fixture
def cell() -> MemoryCell:
    """A fresh backend."""
    return MemoryCell()


class TestMemory(BackendContract):
    """Every promise, kept by the memory backend."""


async def test_reminders_do_not_pile_up(cell: MemoryCell) -> None:
    """A deadline that moves all the time leaves a bounded number of them behind."""
    alice, phone = await an_answered_call(cell)
    seq = 2
    for _ in range(2 * SLACK):
        for report in (disconnected(ALICE), connected(ALICE)):
            await alice.send(report)
            seq += 1
            await phone.ack(seq)

    assert cell.reminders <= SLACK + 2
