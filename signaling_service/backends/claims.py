"""Work that one node does at a time, and how far it has got: another goes on when it dies."""

from typing import Protocol

from signaling_service.clock import Clock


class Claims(Protocol):
    """Who does what. Every method raises BackendAwayError while nobody can tell.

    A claim is for some seconds, and ends before them only if it is given up.
    """

    async def claim(self, name: str, holder: str, seconds: float) -> str | None:
        """Be the one who does it; returns how far it has got, "" at the very beginning.

        None: somebody else does it.
        """

    async def advance(self, name: str, holder: str, position: str, seconds: float) -> bool:
        """It has got so far, and goes on; False, and nothing has changed: somebody else has it."""

    async def give_up(self, name: str, holder: str) -> None:
        """Do it no more: anybody may go on at once."""


class MemoryClaims:
    """Claims of a single node; they end with the process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._holders: dict[str, tuple[str, float]] = {}
        self._positions: dict[str, str] = {}

    async def claim(self, name: str, holder: str, seconds: float) -> str | None:
        """See `Claims.claim`."""
        who, until = self._holders.get(name, (holder, 0.0))
        if who != holder and until > self._clock.now():
            return None
        self._holders[name] = (holder, self._clock.now() + seconds)
        return self._positions.get(name, "")

    async def advance(self, name: str, holder: str, position: str, seconds: float) -> bool:
        """See `Claims.advance`."""
        if self._holders.get(name, ("", 0.0))[0] != holder:
            return False
        self._holders[name] = (holder, self._clock.now() + seconds)
        self._positions[name] = position
        return True

    async def give_up(self, name: str, holder: str) -> None:
        """See `Claims.give_up`."""
        if self._holders.get(name, ("", 0.0))[0] == holder:
            del self._holders[name]
