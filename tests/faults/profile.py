"""How long the fault runs go on, and what they start from."""

import asyncio
import os
from random import Random
from typing import Final

SEED: Final = int(os.environ.get("FAULT_SEED", "1"))
IS_LONG: Final = os.environ.get("FAULTS") == "long"
PATIENCE: Final = 30.0  # s; far more than anything takes on a machine that is busy
NEW_CALL_TIMEOUT: Final = 5.0  # s; once a fault has healed, a new call takes no longer
LEASE_TIMEOUT: Final = 10.0  # s; by then it is known that a node is dead
SLACK: Final = 5.0  # s; on a machine that is busy


def seeds(rounds: int) -> list[int]:
    """The seeds of the rounds of a test: so many when it goes on for long, else one."""
    return [SEED + number for number in range(rounds if IS_LONG else 1)]


def chance(*what: object) -> Random:
    """The same chance for the same thing, whenever it is asked for."""
    return Random("/".join(str(part) for part in what))  # noqa: S311 - faults, not secrets


async def lasts(seconds: float) -> None:
    """Return when a fault, or a pause of a person, has lasted for so long."""
    is_over = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, is_over.set)
    await is_over.wait()
