"""`watch`: what happens, as it happens."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from enum import StrEnum
from typing import Annotated, Any, Final

import grpc
import typer
from rich.table import Table
from rich.text import Text
from signaling.v1 import calls_pb2 as calls_pb
from signaling.v1 import signaling_pb2 as pb

from signaling_service.ctl import wording
from signaling_service.ctl.command import Terminal
from signaling_service.ctl.complaints import DONE
from signaling_service.ctl.screen import Screen

MIN_BACKOFF: Final = 0.5  # s; the first wait is drawn from 0 to this, doubled by every failure
MAX_BACKOFF: Final = 30.0
MAX_DOUBLINGS: Final = 6
# what an event stream gets over: the node drains, died, or lost the connection
DROPS: Final = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.UNKNOWN,
)
STYLES: Final = {
    "offer_pending": "magenta",
    "offer_settled": "dim",
    "call_answered": "green",
    "call_connected": "bold green",
    "call_ended": "red",
    "device_connected": "cyan",
    "device_disconnected": "yellow",
}
TIME_WIDTH: Final = 12
WIDE: Final = 132  # columns; then a call's id fits beside
KIND_WIDTH: Final = 19  # device_disconnected


class Kind(StrEnum):
    """The kinds of events, as they are asked for."""

    OFFER_PENDING = "offer_pending"
    OFFER_SETTLED = "offer_settled"
    CALL_ANSWERED = "call_answered"
    CALL_CONNECTED = "call_connected"
    CALL_ENDED = "call_ended"
    DEVICE_CONNECTED = "device_connected"
    DEVICE_DISCONNECTED = "device_disconnected"


Kinds = Annotated[
    list[Kind] | None,
    typer.Option(
        "--kind", metavar="KIND", help=f"Only these, repeat it for more: {', '.join(Kind)}."
    ),
]
User = Annotated[str | None, typer.Option(metavar="USER", help="Only what concerns this user.")]
Cursor = Annotated[
    str | None,
    typer.Option(metavar="CURSOR", help="Go on behind this event, of the last hour at most."),
]


class Watch:
    """A stream of events that goes on behind the last one whenever it drops.

    Args:
        terminal: where the service is, and where to say what happens to the stream.
        wanted: which events.
    """

    def __init__(self, terminal: Terminal, wanted: calls_pb.WatchEventsRequest) -> None:
        self._terminal = terminal
        self._wanted = wanted
        self._has_begun = False
        self._failures = 0

    @property
    def cursor(self) -> str:
        """Where the next stream goes on; empty if none has begun."""
        return self._wanted.cursor

    async def events(self) -> AsyncIterator[calls_pb.SignalingEvent]:
        """The events, for ever.

        Raises:
            AioRpcError: it would be the same again, or nothing has worked yet.
        """
        while True:
            try:
                async for event in self._stream():
                    yield event
            except grpc.aio.AioRpcError as error:
                if error.code() not in DROPS or not self._has_begun:
                    raise
                await self._pause(error.details() or error.code().name)
            else:
                await self._pause("it has ended")

    async def _stream(self) -> AsyncIterator[calls_pb.SignalingEvent]:
        async with self._terminal.connection.calls() as stub:
            stream = stub.WatchEvents(self._wanted, metadata=self._terminal.connection.metadata)
            self._begin(await stream.initial_metadata())
            async for response in stream:
                self._wanted.cursor = response.event.cursor
                yield response.event
            if (code := await stream.code()) is not grpc.StatusCode.OK:
                raise AssertionError(f"a stream that ends {code} raises")

    def _begin(self, metadata: grpc.aio.Metadata | None) -> None:
        """The stream has begun where its metadata say; without, it is about to say why not."""
        found = dict(metadata or ()).get("signaling-cursor")
        if found is None:
            return
        self._wanted.cursor = self._wanted.cursor or str(found)
        again = (
            "watching again, nothing is missed" if self._has_begun else "watching, Ctrl-C ends it"
        )
        self._terminal.screen.note(again)
        self._has_begun, self._failures = True, 0

    async def _pause(self, reason: str) -> None:
        self._failures += 1
        if self._failures == 1:  # a line for the whole outage
            self._terminal.screen.note(f"the stream broke: {wording.safe(reason)}; trying again")
        most = MIN_BACKOFF * 2 ** min(self._failures - 1, MAX_DOUBLINGS)
        await asyncio.sleep(random.uniform(0, min(most, MAX_BACKOFF)))  # noqa: S311 - no secret


async def watch(
    terminal: Terminal, kind: Kinds = None, user: User = None, cursor: Cursor = None
) -> int:
    """Show what happens, as it happens, until Ctrl-C. A connection that breaks is made up for."""
    kinds = [calls_pb.EventKind.Value(f"EVENT_KIND_{each.upper()}") for each in kind or ()]
    watching = Watch(
        terminal, calls_pb.WatchEventsRequest(kinds=kinds, user_id=user, cursor=cursor)
    )
    try:
        async for event in watching.events():
            show(terminal.screen, event)
    except asyncio.CancelledError:
        if watching.cursor:
            terminal.screen.note(f"go on with --cursor {wording.safe(watching.cursor)}")
    return DONE


def show(screen: Screen, event: calls_pb.SignalingEvent) -> None:
    """Show an event; one that only has a cursor is for programs."""
    kind = event.WhichOneof("event")
    if kind is None:
        screen.show(event, None)
        return
    row = Table.grid(padding=(0, 1))
    row.add_column(width=TIME_WIDTH)
    row.add_column(width=KIND_WIDTH)
    row.add_column(overflow="fold")
    what = getattr(event, kind)
    row.add_row(
        Text(wording.clock(event.time), "dim"),
        Text(kind, STYLES.get(kind, "")),
        Text.assemble(TOLD[kind](what), _call_id(what, screen.out.width)),
    )
    screen.show(event, row)


def _settled(what: calls_pb.OfferSettledEvent) -> str:
    end = wording.word(pb.EndReason, what.reason)
    if what.HasField("answered_by"):
        end = f"answered by {wording.device(what.answered_by)}"
    return f"{wording.device(what.caller)} → {wording.safe(what.recipient_user_id)}, {end}"


def _answered(what: calls_pb.CallAnsweredEvent) -> str:
    return f"{_parties(what)} after {_span(what.ring_duration)}"


def _connected(what: calls_pb.CallConnectedEvent) -> str:
    return f"{_parties(what)} {_span(what.setup_duration)} after the answer"


def _call_id(what: Any, width: int) -> tuple[str, str]:
    """The id of an event's call, if it has one: where there is room in the same line."""
    call_id = wording.safe(getattr(what, "call_id", ""))
    if not call_id:
        return "", ""
    return ("\n" if width < WIDE else " ") + call_id, "dim"


def _pending(what: calls_pb.OfferPendingEvent) -> str:
    callee = pb.Device(user_id=what.recipient_user_id, device_id=what.recipient_device_id)
    reached = ", ".join(wording.safe(each.device_id) for each in what.reached) or "nobody"
    metadata = f" {wording.pairs(what.metadata)}" if what.metadata else ""
    return (
        f"{wording.device(what.caller)} → {wording.device(callee)}, rings {_span(what.time_left)}, "
        f"reached {reached}{metadata}"
    )


def _ended(what: calls_pb.CallEndedEvent) -> str:
    has_callee = what.HasField("callee")
    callee = what.callee if has_callee else pb.Device(user_id=what.callee_user_id)
    words = [
        f"{wording.device(what.caller)} → {wording.device(callee)}",
        wording.word(pb.EndReason, what.reason),
    ]
    if what.HasField("ended_by"):
        words.append(f"by {wording.device(what.ended_by)}")
    if what.HasField("talk_duration"):
        words.append(f"after {_span(what.talk_duration)}")
    if what.barred:
        words.append("(barred)")
    return " ".join(words)


def _parties(what: Any) -> str:
    return f"{wording.device(what.caller)} → {wording.device(what.callee)}"


def _span(length: Any) -> str:
    return wording.span(wording.seconds(length))


# an event in words, without its call's id
TOLD: Final[Mapping[str, Callable[[Any], str]]] = {
    "offer_pending": _pending,
    "offer_settled": _settled,
    "call_answered": _answered,
    "call_connected": _connected,
    "call_ended": _ended,
    "device_connected": lambda what: wording.device(what.device),
    "device_disconnected": lambda what: wording.device(what.device),
}
