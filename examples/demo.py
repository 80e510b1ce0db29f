"""Alice's laptop calls Bob, who has a phone and a tablet: two real WebRTC peers, live.

The ladder shows every message as its device sends or gets it, but no description
and no candidate: what is in them is nobody's business.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console
from signaling.v1 import signaling_pb2 as pb

from examples.aiortc_peer import Message, Peer, loopback_candidates
from examples.ladder import Ladder

DEADLINE: Final = 30.0  # s; for all of it, pauses included
SERVICE: Final = "service"
SERVE: Final = ("-m", "signaling_service", "serve", "--listen", "127.0.0.1:0")
LAPTOP, PHONE, TABLET = ("alice", "laptop"), ("bob", "phone"), ("bob", "tablet")
QUESTION, REPLY = "hello?", "hi, it's Bob"
STYLES: Final = {
    "welcome": "dim",
    "offer": "bold cyan",
    "answer": "bold cyan",
    "candidates": "yellow",
    "ringing": "magenta",
    "progress": "magenta",
    "connection_state": "green",
    "hangup": "red",
    "ended": "red",
}


@dataclass(frozen=True)
class Figures:
    """Seconds since the offer."""

    answered: float
    connected: float
    first_media: float

    def __str__(self) -> str:
        answered, connected, media = (
            round(seconds * 1000) for seconds in (self.answered, self.connected, self.first_media)
        )
        return (
            f"connected after {connected} ms ({connected - answered} ms from the answer), "
            f"first audio after {media} ms"
        )


class Demo:
    """One call with its ladder."""

    def __init__(self, address: str, console: Console, pause: float) -> None:
        self._pause = pause
        names = ["/".join(device) for device in (LAPTOP, PHONE, TABLET)]
        self._ladder = Ladder(console, [names[0], SERVICE, *names[1:]])
        self._laptop = Peer(address, *LAPTOP, self._show)
        self._phone = Peer(address, *PHONE, self._show)
        self._tablet = Peer(address, *TABLET, self._show)

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
                peer.leave()
        return figures

    async def _call(self) -> Figures:
        laptop, phone, tablet = self._laptop, self._phone, self._tablet
        now = asyncio.get_running_loop().time
        self._ladder.gap()
        begin = now()
        await laptop.call(PHONE[0])
        for peer in (phone, tablet):
            await peer.offered
            peer.ring()
        await phone.prepare()
        await asyncio.sleep(2 * self._pause)
        answered = now()
        phone.answer()
        async with asyncio.TaskGroup() as group:
            connected = group.create_task(_when(laptop.connected, phone.connected))
            heard = group.create_task(_when(laptop.heard, phone.heard))
            group.create_task(_when(laptop.opened, phone.opened, tablet.ended))
        await self._talk()
        laptop.hang_up()
        await _when(laptop.ended, phone.ended)
        return Figures(answered - begin, connected.result() - begin, heard.result() - begin)

    async def _talk(self) -> None:
        laptop, phone = self._laptop, self._phone
        self._ladder.gap()
        self._ladder.link(laptop.name, phone.name, "audio, both ways", "bold green")
        await asyncio.sleep(self._pause)
        for speaker, listener, text in ((laptop, phone, QUESTION), (phone, laptop, REPLY)):
            speaker.say(text)
            heard = await listener.texts.get()
            self._ladder.arrow(speaker.name, listener.name, f"“{heard}”", "bold green", "╌")
            await asyncio.sleep(self._pause)
        self._ladder.gap()

    def _show(self, peer: Peer, message: Message) -> None:
        label = describe(message)
        if label is None:
            return
        style = STYLES[message.WhichOneof("payload") or ""]
        if isinstance(message, pb.ConnectRequest):
            self._ladder.arrow(peer.name, SERVICE, label, style)
        else:
            self._ladder.arrow(SERVICE, peer.name, label, style)


def describe(message: Message) -> str | None:
    """What the ladder says of a message, None for what it leaves out."""
    kind = message.WhichOneof("payload")
    match kind:
        case "candidates":
            count = sum(bool(one.candidate) for one in message.candidates.candidates)
            return f"{count} candidate{'s' * (count != 1)}"
        case "connection_state":
            state = pb.PeerConnectionState.Name(message.connection_state.state)
            return state.removeprefix("PEER_CONNECTION_STATE_").lower()
        case "progress" if isinstance(message, pb.ConnectResponse):
            progress = pb.ProgressKind.Name(message.progress.kind).removeprefix("PROGRESS_KIND_")
            is_about_other = message.progress.kind != pb.PROGRESS_KIND_WON
            return f"{progress} {message.progress.device.device_id}" if is_about_other else progress
        case "ended" if isinstance(message, pb.ConnectResponse):
            reason = pb.EndReason.Name(message.ended.reason)
            return f"ended {reason.removeprefix('END_REASON_')}"
    return kind if kind in STYLES else None


async def _when(*futures: asyncio.Future[Any]) -> float:
    """The time at which all of them are done."""
    await asyncio.gather(*futures)
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def serving() -> AsyncIterator[str]:
    """A service of the demonstration's own: its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *SERVE,
        env=os.environ | {"SIGNALING_METRICS_LISTEN": "off"},  # another one may have the port
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield await _address(process)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def _address(process: asyncio.subprocess.Process) -> str:
    if process.stderr is None:
        raise AssertionError("stderr is a pipe")
    async for line in process.stderr:
        entry = json.loads(line)
        if entry["event"] == "serving":
            return str(entry["address"])
    raise RuntimeError("the service does not start")


async def main(arguments: argparse.Namespace, console: Console) -> int:
    """Show the call; 1 if it does not come to its end."""
    pause = 0.0 if arguments.fast else 0.7
    service = nullcontext(arguments.address) if arguments.address else serving()
    async with service as address:
        try:
            async with asyncio.timeout(DEADLINE):
                with loopback_candidates():
                    figures = await Demo(address, console, pause).run()
        except TimeoutError:
            console.print(f"[bold red]no call within {DEADLINE:.0f} s[/] at {address}")
            return 1
        except ExceptionGroup as errors:  # such as: the service has turned a device away
            console.print(f"[bold red]the call broke[/]: {errors.exceptions[0]}")
            return 1
    console.print(f"\n[bold green]{figures}[/]", highlight=False)
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Two WebRTC peers call each other.")
    parser.add_argument("--address", help="a running service; without it the demo starts one")
    parser.add_argument("--fast", action="store_true", help="without pauses")
    # gRPC obeys a proxy even on this machine
    os.environ.setdefault("no_grpc_proxy", "127.0.0.1,localhost")
    sys.exit(asyncio.run(main(parser.parse_args(), Console())))
