"""Alice's laptop calls Bob, who has a phone and a tablet: both ring, the phone answers."""

import asyncio
from dataclasses import dataclass

from rich.console import Console
from signaling.v1 import signaling_pb2 as pb

from examples.aiortc_peer import Message, Peer
from examples.screen import Screen

LAPTOP, PHONE, TABLET = ("alice", "laptop"), ("bob", "phone"), ("bob", "tablet")
QUESTION, REPLY = "hello?", "hi, it's Bob"


@dataclass(frozen=True)
class Figures:
    """Seconds since the offer; `signaling` is what offer and answer were under way."""

    answered: float
    connected: float
    first_media: float
    signaling: float

    def __str__(self) -> str:
        answered, connected, media = (
            round(seconds * 1000) for seconds in (self.answered, self.connected, self.first_media)
        )
        return (
            f"connected after {connected} ms ({connected - answered} ms from the answer), "
            f"first audio after {media} ms,\n"
            f"of which offer and answer were under way for {self.signaling * 1000:.1f} ms"
        )


class UnderWay:
    """How long offer and answer take from the device that writes to the one that reads."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._written: dict[str, float] = {}

    def observe(self, message: Message) -> None:
        """Look at a message as it is written or read."""
        kind = message.WhichOneof("payload") or ""
        now = asyncio.get_running_loop().time()
        if kind not in ("offer", "answer"):
            return
        if isinstance(message, pb.ConnectRequest):
            self._written[kind] = now
        elif kind in self._written:
            self.seconds += now - self._written.pop(kind)


class UsualCall:
    """One call with its ladder.

    Args:
        address: `host:port` of the service.
        console: where to show it.
        pause: how long people take, in seconds.
    """

    def __init__(self, address: str, console: Console, pause: float) -> None:
        self._pause = pause
        screen = Screen(console, *("/".join(device) for device in (LAPTOP, PHONE, TABLET)))
        self._ladder = screen.ladder
        self._under_way = UnderWay()

        def observe(peer: Peer, message: Message) -> None:
            self._under_way.observe(message)
            screen.show(peer, message)

        self._laptop = Peer(address, *LAPTOP, observe)
        self._phone = Peer(address, *PHONE, observe)
        self._tablet = Peer(address, *TABLET, observe)

    async def run(self) -> Figures:
        """Connect three devices, and let one call."""
        peers = (self._laptop, self._phone, self._tablet)
        async with asyncio.TaskGroup() as group:
            for peer in peers:
                group.create_task(peer.run())
            for peer in peers:
                await peer.welcomed
            figures = await self._call()
            for peer in peers:
                await peer.leave()
        return figures

    async def _call(self) -> Figures:
        laptop, phone, tablet = self._laptop, self._phone, self._tablet
        now = asyncio.get_running_loop().time
        self._ladder.gap()
        begin = now()
        await laptop.dial(PHONE[0])
        for peer in (phone, tablet):
            await peer.offered
            peer.ring()
        await phone.prepare()
        await asyncio.sleep(2 * self._pause)
        answered = now()
        phone.answer()
        connected = await last(laptop.media.connected, phone.media.connected)
        heard = await last(laptop.media.heard, phone.media.heard)
        await asyncio.gather(laptop.media.opened, phone.media.opened, tablet.ended)
        await self._talk()
        laptop.hang_up()
        await asyncio.gather(laptop.ended, phone.ended)
        seconds = self._under_way.seconds
        return Figures(answered - begin, connected - begin, heard - begin, seconds)

    async def _talk(self) -> None:
        laptop, phone = self._laptop, self._phone
        self._ladder.gap()
        self._ladder.link(laptop.name, phone.name, "audio, both ways", "bold green")
        await asyncio.sleep(self._pause)
        for speaker, listener, text in ((laptop, phone, QUESTION), (phone, laptop, REPLY)):
            speaker.media.say(text)
            heard = await listener.media.texts.get()
            self._ladder.arrow(speaker.name, listener.name, f"“{heard}”", "bold green", "╌")
            await asyncio.sleep(self._pause)
        self._ladder.gap()


async def last(*moments: asyncio.Future[float]) -> float:
    """The time at which all of them have happened."""
    return max(await asyncio.gather(*moments))
