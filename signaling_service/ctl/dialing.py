"""`call`: place a test call."""

import asyncio
from typing import Annotated, Final

import typer
from signaling.v1 import signaling_pb2 as pb

from signaling_service.client import (
    Answered,
    Call,
    CallEvent,
    CallOptions,
    Cause,
    Client,
    Ended,
    Lost,
)
from signaling_service.ctl import wording
from signaling_service.ctl.command import Terminal
from signaling_service.ctl.complaints import DONE, FAILED
from signaling_service.ctl.connection import whose
from signaling_service.ctl.media import Media
from signaling_service.ctl.talking import Talk, is_connected, mind
from signaling_service.ctl.telling import Telling

GOODBYE: Final = 5.0  # s; how long the service may take to confirm a hangup
# how a call ended, for scripts; any other end is a failure
EXIT_CODES: Final = {
    pb.END_REASON_HANGUP: DONE,
    pb.END_REASON_DECLINED: 10,
    pb.END_REASON_BUSY: 11,
    pb.END_REASON_NO_ANSWER: 12,
    pb.END_REASON_UNAVAILABLE: 13,
}

Callee = Annotated[str, typer.Argument(metavar="USER", help="Whom to call.", show_default=False)]
CalleeDevice = Annotated[
    str | None, typer.Option("--device", metavar="DEVICE", help="Only this device of theirs.")
]
Sender = Annotated[
    str,
    typer.Option(
        "--from", metavar="USER/DEVICE", help="Which device calls; with a token, the token says."
    ),
]
Seconds = Annotated[
    float, typer.Option(min=0, metavar="S", help="How long to stay connected, then hang up.")
]
RingTimeout = Annotated[
    float | None, typer.Option(min=5, max=180, metavar="S", help="How long it may ring.")
]


class Dialer:
    """The calling side."""

    def __init__(self, terminal: Terminal, seconds: float) -> None:
        self._terminal = terminal
        self._seconds = seconds
        self._hanging_up: asyncio.Task[None] | None = None

    async def call(self, client: Client, user_id: str, options: CallOptions) -> Ended | Lost:
        """Place a call and follow it; a cancel hangs up."""
        media = Media()
        call = client.call(user_id, media.description(), **options)
        telling = Telling(self._terminal.screen, call)
        telling.say("calling", f"{wording.safe(user_id)}, call {call.call_id}", {"user": user_id})

        def tell(event: CallEvent) -> None:
            telling.event(event)
            if isinstance(event, Answered) and self._hanging_up is None:
                self._hanging_up = asyncio.create_task(self._hang_up(call))

        talk = Talk(call, media, tell)
        try:
            return await talk.follow()
        except asyncio.CancelledError:
            call.hangup()
            async with asyncio.timeout(GOODBYE):
                return await talk.follow()
        finally:
            if self._hanging_up is not None:
                self._hanging_up.cancel()

    async def _hang_up(self, call: Call) -> None:
        await asyncio.sleep(self._seconds)
        call.hangup()


async def call(  # noqa: PLR0913 - each option of the command is a parameter
    terminal: Terminal,
    user: Callee,
    *,
    device: CalleeDevice = None,
    sender: Sender = "alice/phone",
    seconds: Seconds = 3,
    ring_timeout: RingTimeout = None,
) -> int:
    """Place a test call: no media, all the signaling. Ctrl-C hangs up.

    Exit codes: 0 answered, and ended by a hangup · 10 declined · 11 busy
    12 no answer · 13 nobody there · 1 any other end
    """
    options = CallOptions()
    if device is not None:
        options["device_id"] = device
    if ring_timeout is not None:
        options["ring_timeout"] = ring_timeout
    async with terminal.connection.device(*whose(sender, "--from")) as client:
        await is_connected(client, terminal.connection.target)
        minding = asyncio.create_task(mind(client, terminal.screen))
        ended = await Dialer(terminal, seconds).call(client, user, options)
        if ended == Lost(Cause.CLOSED):
            await minding  # it raises why
        minding.cancel()
    if isinstance(ended, Lost):
        return FAILED
    return EXIT_CODES.get(ended.reason, FAILED)
