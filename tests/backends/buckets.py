"""Token buckets that all nodes share."""

from signaling_service.core.buckets import UNLIMITED, Rate
from tests.backends.cell import Cell

# nothing to speak of fills while a test runs
RATE = Rate(per_second=1e-6, burst=3)


class BucketContract:
    """What every backend promises of `take`."""

    async def test_burst(self, cell: Cell) -> None:
        """It says what is left, and below 0 takes nothing."""
        left = [round(await cell.backend.take("offers", RATE), 3) for _ in range(5)]

        assert left == [2, 1, 0, -1, -1]

    async def test_credit(self, cell: Cell) -> None:
        """It may be overdrawn, up to the credit."""
        left = [round(await cell.backend.take("forged", RATE, UNLIMITED), 3) for _ in range(6)]

        assert left == [2, 1, 0, -1, -2, -3]

    async def test_buckets_are_apart(self, cell: Cell) -> None:
        """One is not the other's, whatever is in its name."""
        await cell.backend.take("offers alice phone", RATE)

        assert round(await cell.backend.take("offers alice tablet", RATE), 3) == 2

    async def test_it_fills(self, cell: Cell) -> None:
        """With time, whoever's it is."""
        fast = Rate(per_second=1e6, burst=1)
        assert await cell.backend.take("offers", fast) == 0
        await cell.advance(1)

        assert await cell.backend.take("offers", fast) == 0
