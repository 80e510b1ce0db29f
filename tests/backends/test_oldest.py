"""Who has lost its place in the log of events goes on with the oldest that there are."""

from dataclasses import replace

import pytest

from signaling_service.backends.location import Location
from signaling_service.backends.redis import RedisBackend
from signaling_service.core.errors import CursorLostError
from tests.backends.cell import RULES, Cell, connect
from tests.backends.test_memory import MemoryCell
from tests.backends.test_redis import running
from tests.clock import ManualClock
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


async def test_of_too_many_some_are_lost(valkey: Valkey) -> None:
    """Who has read the last that was too old cannot go on, once others behind it are gone."""
    url, rules = shared_cell(valkey), replace(RULES, events_kept=100)
    backend = RedisBackend(Location.parse(url), ManualClock(), rules)
    await backend.start(lambda _is_there: None)
    log = f"{{{Location.parse(url).cell}}}:events"
    long_ago, now = "1-1", "*"
    for at in (long_ago, now):
        await valkey.run("XADD", log, at, "e", "")
    await backend.due()
    assert len(await backend.archive.events(long_ago, 1000)) == 1

    for _ in range(400):
        await valkey.run("XADD", log, now, "e", "")
    await backend.due()
    with pytest.raises(CursorLostError):
        await backend.archive.events(long_ago, 1000)
    await backend.close()
