"""`listen`: take test calls."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import typer
from signaling.v1 import signaling_pb2 as pb

from signaling_service.client import Call, Client
from signaling_service.ctl import wording
from signaling_service.ctl.command import Terminal
from signaling_service.ctl.complaints import DONE, USAGE, Complaint
from signaling_service.ctl.connection import whose
from signaling_service.ctl.media import Media
from signaling_service.ctl.screen import Screen
from signaling_service.ctl.talking import Talk, is_connected, mind
from signaling_service.ctl.telling import Telling

FOR_EVER: Final = 0  # calls

Self = Annotated[
    str,
    typer.Option(
        "--as", metavar="USER/DEVICE", help="Which device to be; with a token, the token says."
    ),
]
Answer = Annotated[bool, typer.Option("--answer", help="Ring, then answer; so it is by default.")]
Ring = Annotated[bool, typer.Option("--ring", help="Ring, and never answer.")]
Reject = Annotated[
    Literal["declined", "busy_everywhere", "busy", "unsupported", "ignored"] | None,
    typer.Option(help="Ring, then reject the call, for this reason."),
]
After = Annotated[float, typer.Option(min=0, metavar="S", help="How long it rings before that.")]
Count = Annotated[
    int, typer.Option(min=0, metavar="N", help="End after so many calls; 0 is never.")
]


@dataclass(frozen=True)
class Manners:
    """What to do with a call that comes.

    Attributes:
        answers: whether to answer it.
        rejects: why not, if it is to be rejected.
        after: how long it rings before, in seconds.
    """

    answers: bool
    rejects: pb.RejectReason.ValueType | None
    after: float


class Listener:
    """The called side.

    Args:
        screen: where to tell what happens.
        manners: what to do with a call.
        count: after how many it has enough.
    """

    def __init__(self, screen: Screen, manners: Manners, count: int = FOR_EVER) -> None:
        self._screen = screen
        self._manners = manners
        self._left = count
        self._tasks: set[asyncio.Task[None]] = set()
        self._has_enough = asyncio.Event()

    async def listen(self, client: Client) -> None:
        """Take calls until there were enough.

        Raises:
            ClientError: the device was turned away.
        """
        minding = asyncio.create_task(mind(client, self._screen, self._take))
        enough = asyncio.create_task(self._has_enough.wait())
        try:
            await asyncio.wait([minding, enough], return_when=asyncio.FIRST_COMPLETED)
            if minding.done():
                minding.result()
        finally:
            for task in (minding, enough, *self._tasks):
                task.cancel()

    def _take(self, call: Call) -> None:
        task = asyncio.create_task(self._follow(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, call: Call) -> None:
        telling, media = Telling(self._screen, call), Media()
        caller = call.peer or pb.Device()
        words = (
            f"{wording.device(caller)}, call {call.call_id} {wording.pairs(call.offer.metadata)}"
        )
        telling.say("incoming", words.rstrip(), _record(call))
        call.ring()
        deciding = asyncio.create_task(self._decide(call, media))
        try:
            await Talk(call, media, telling.event).follow()
        finally:
            deciding.cancel()
        self._left -= 1
        if self._left == 0:
            self._has_enough.set()

    async def _decide(self, call: Call, media: Media) -> None:
        await asyncio.sleep(self._manners.after)
        if self._manners.rejects is not None:
            call.reject(self._manners.rejects)
        elif self._manners.answers:
            call.answer(media.description())


async def listen(  # noqa: PLR0913 - each option of the command is a parameter
    terminal: Terminal,
    *,
    whom: Self = "bob/phone",
    answer: Answer = False,
    ring: Ring = False,
    reject: Reject = None,
    after: After = 0.5,
    count: Count = FOR_EVER,
) -> int:
    """Take test calls, until Ctrl-C: ring, and answer them. Nobody hears anything: no media."""
    if answer + ring + (reject is not None) > 1:
        raise Complaint(USAGE, "--answer, --ring and --reject: one of them, please")
    user_id, device_id = whose(whom, "--as")
    reason = None if reject is None else pb.RejectReason.Value(f"REJECT_REASON_{reject.upper()}")
    listener = Listener(terminal.screen, Manners(not ring, reason, after), count)
    try:
        async with terminal.connection.device(user_id, device_id) as client:
            await is_connected(client, terminal.connection.target)
            terminal.screen.note(f"listening as {user_id}/{device_id}, Ctrl-C ends it")
            await listener.listen(client)
    except asyncio.CancelledError:
        terminal.screen.note("stopped")
    return DONE


def _record(call: Call) -> dict[str, object]:
    caller = call.peer or pb.Device()
    return {
        "caller": {"userId": caller.user_id, "deviceId": caller.device_id},
        "metadata": dict(call.offer.metadata),
    }
