"""Who has lost its place in the log of events goes on with the oldest that there are."""

from tests.backends.cell import Cell, connect
from tests.backends.test_memory import MemoryCell
from tests.backends.test_redis import running
from tests.core.names import ALICE, PHONE, TABLET
from tests.shared import shared_cell
from tests.valkey import Valkey


async def test_in_memory() -> None:
    """All that happened is behind it."""
    assert await behind_the_oldest(MemoryCell()) == ["laptop", "phone", "tablet"]


async def test_in_an_engine(valkey: Valkey) -> None:
    """All but the very first."""
    async with running(shared_cell(valkey), valkey) as cell:
        assert await behind_the_oldest(cell) == ["phone", "tablet"]


async def behind_the_oldest(cell: Cell) -> list[str]:
    """The devices that have come, as the log tells it."""
    for device in (ALICE, PHONE, TABLET):
        await connect(cell, device)
    archive = cell.backend.archive
    events = await archive.events(await archive.oldest(), 10)
    assert events[-1].cursor == await archive.newest()
    return [event.device_connected.device.device_id for event in events]
