"""`watch`: what happens, as it happens."""

import asyncio
import random
from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Annotated, Final

import grpc
import typer
from signaling.v1 import calls_pb2 as calls_pb

from signaling_service.ctl import wording
from signaling_service.ctl.command import Terminal
from signaling_service.ctl.complaints import DONE
from signaling_service.ctl.happenings import row

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
        terminal, calls_pb.WatchEventsRequest(kinds=kinds, user_id=user, cursor=cursor or None)
    )
    try:
        async for event in watching.events():
            terminal.screen.show(event, row(event, terminal.screen.out.width))
    except asyncio.CancelledError:
        if watching.cursor:
            terminal.screen.note(f"go on with --cursor {wording.safe(watching.cursor)}")
    return DONE
