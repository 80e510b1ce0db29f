"""The embedded backend keeps the contract, and does not grow."""

from collections.abc import Sequence

import pytest

from signaling_service.backends.archive import EVENT_MEMORY
from signaling_service.backends.memory import MemoryBackend
from signaling_service.backends.reminders import SLACK
from signaling_service.core.errors import CursorLostError
from tests.backends.cell import RULES, a_ringing_call, an_answered_call, connect, drop
from tests.backends.contract import BackendContract
from tests.backends.live_calls import it_lives_and_ends
from tests.clock import ManualClock
from tests.core.events import connected, disconnected
from tests.core.names import ALICE, PHONE


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


async def test_who_has_read_all_goes_on_after_a_quiet_hour(cell: MemoryCell) -> None:
    """Nothing that it has not read was dropped; who is an event behind has lost one."""
    archive = cell.backend.archive
    begin = await archive.newest()
    await connect(cell, ALICE)
    cursor = await archive.newest()
    await cell.advance(EVENT_MEMORY + 1)
    await connect(cell, PHONE)

    (event,) = await archive.events(cursor, 10)
    assert event.device_connected.device.device_id == "phone"
    assert await archive.events(await archive.oldest(), 10) == [event]
    with pytest.raises(CursorLostError):
        await archive.events(begin, 10)


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


async def test_live_calls_are_counted_by_state(cell: MemoryCell) -> None:
    """From the first offer to the end; one that has ended is no live call."""
    async for expected in it_lives_and_ends(cell):
        assert cell.backend.live_calls() == expected


async def test_depths_are_those_of_connected_devices(cell: MemoryCell) -> None:
    """What each has not acknowledged; who is away does not read anyway."""
    alice, _ = await a_ringing_call(cell)
    assert sorted(cell.backend.depths()) == [0, 1]

    await drop(alice)

    assert list(cell.backend.depths()) == [1]
