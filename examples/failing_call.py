"""Alice's laptop calls Bob's phone, and everything fails: each side is told, and the call goes on.

First the phone loses its signaling stream, while media go on. It comes back by itself and
misses nothing. Then media lose their path: the service tells one side to offer anew and
the other to wait, and they talk again, still in the same call.
"""

import asyncio
from dataclasses import dataclass

from rich.console import Console

from examples.aiortc_media import Media
from examples.aiortc_peer import Peer
from examples.proxy import Proxy, proxying
from examples.screen import SERVICE, Screen
from examples.usual_call import last
from signaling_service.client import AppMessage

LAPTOP, PHONE = ("alice", "laptop"), ("bob", "phone")
MESSAGE = "still there?"


@dataclass(frozen=True)
class Figures:
    """Seconds from a failure."""

    told: float  # until the laptop knew that the phone's stream was lost
    noticed: float  # until a side saw that the path was gone
    media: float  # from then until both sides heard each other again

    def __str__(self) -> str:
        told, noticed, media = (
            round(seconds * 1000) for seconds in (self.told, self.noticed, self.media)
        )
        return (
            f"AWAY after {told} ms, lost path seen after {noticed} ms, audio again {media} ms later"
        )


class FailingCall:
    """One call with its ladder; see `UsualCall`."""

    def __init__(self, address: str, console: Console, pause: float) -> None:
        self._address = address
        self._pause = pause
        self._screen = Screen(console, *("/".join(device) for device in (LAPTOP, PHONE)))
        self._ladder = self._screen.ladder
        self._laptop = Peer(address, *LAPTOP, self._screen.show)

    async def run(self) -> Figures:
        """Connect two devices, the phone through a network that fails, and let one call."""
        async with proxying(self._address) as network, asyncio.TaskGroup() as group:
            phone = Peer(network.address, *PHONE, self._screen.show)
            for peer in (self._laptop, phone):
                group.create_task(peer.run())
                await peer.welcomed
            await self._connect(phone)
            told = await self._lose_stream(phone, network)
            noticed, media = await self._lose_path(phone)
            self._laptop.hang_up()
            await asyncio.gather(self._laptop.ended, phone.ended)
            for peer in (self._laptop, phone):
                await peer.leave()
        return Figures(told, noticed, media)

    async def _connect(self, phone: Peer) -> None:
        self._ladder.gap()
        await self._laptop.dial(PHONE[0])
        await phone.prepare()
        phone.ring()
        await asyncio.sleep(self._pause)
        phone.answer()
        await self._talk(self._laptop.media, phone.media)

    async def _lose_stream(self, phone: Peer, network: Proxy) -> float:
        begin = _now()
        network.is_blocked = True
        network.cut()
        self._ladder.cut(SERVICE, phone.name, "no network")
        await self._laptop.away
        told = _now() - begin
        self._laptop.call.send(AppMessage(MESSAGE.encode()))
        await asyncio.sleep(2 * self._pause)
        network.is_blocked = False
        await asyncio.gather(self._laptop.back, phone.told)
        await asyncio.sleep(self._pause)
        return told

    async def _lose_path(self, phone: Peer) -> tuple[float, float]:
        medias = [peer.media for peer in (self._laptop, phone)]
        self._ladder.gap()
        begin = _now()
        for media in medias:
            media.lose_path()
        self._ladder.cut(self._laptop.name, phone.name, "no path for media")
        noticed = await first(*(media.failed for media in medias))
        again = await self._talk(*await asyncio.gather(self._laptop.renewed, phone.renewed))
        return noticed - begin, again - noticed

    async def _talk(self, one: Media, other: Media) -> float:
        """Wait until audio flows both ways, and enjoy it; returns since when it does."""
        await asyncio.gather(one.opened, other.opened)
        heard = await last(one.heard, other.heard)
        self._ladder.link("/".join(LAPTOP), "/".join(PHONE), "audio, both ways", "bold green")
        self._ladder.gap()
        await asyncio.sleep(self._pause)
        return heard


async def first(*moments: asyncio.Future[float]) -> float:
    """The time at which the first of them has happened."""
    done, _ = await asyncio.wait(moments, return_when=asyncio.FIRST_COMPLETED)
    return min(moment.result() for moment in done)


def _now() -> float:
    return asyncio.get_running_loop().time()
