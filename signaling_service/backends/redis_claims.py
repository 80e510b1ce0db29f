"""Claims that nodes share: a hash in the engine for each, in the engine's time."""

from signaling_service.backends.link import Link


class RedisClaims:
    """`Claims` of any number of nodes, by way of a node's `link`."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def claim(self, name: str, holder: str, seconds: float) -> str | None:
        """See `Claims.claim`."""
        is_ours, position = await self._link.run("claim", name, holder, seconds)
        return position.decode() if is_ours else None

    async def advance(self, name: str, holder: str, position: str, seconds: float) -> bool:
        """See `Claims.advance`."""
        (is_ours,) = await self._link.run("advance", name, holder, position, seconds)
        return bool(is_ours)

    async def give_up(self, name: str, holder: str) -> None:
        """See `Claims.give_up`."""
        await self._link.run("unclaim", name, holder)
