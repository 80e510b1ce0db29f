"""Another service that watches events all the while, over nodes that come and go."""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Sequence
from typing import Final, Self

import grpc
from signaling.v1 import calls_pb2, calls_pb2_grpc

from tests.core.told import STORY
from tests.faults.ledger import Heard, Ledger
from tests.faults.profile import lasts

WHO: Final = (("user-id", "billing"), ("role", "service"))
PAUSE: Final = 0.1  # s; between two streams
# it pings often, to find out about a node that hangs
OPTIONS: Final = (
    ("grpc.keepalive_time_ms", 1000),
    ("grpc.keepalive_timeout_ms", 1000),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
)


class Watcher:
    """Watches the events of calls, from its first cursor on: `async with`, then `hears_all`."""

    def __init__(self, nodes: Sequence[str], ledger: Ledger) -> None:
        self._nodes = itertools.cycle(nodes)
        self._ledger = ledger
        self._cursor: str | None = None
        self._has_begun = asyncio.Event()
        self._stories: dict[str, str] = defaultdict(str)  # what it was told of each call
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._watching = asyncio.create_task(self._watch_on())
        await self._has_begun.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])

    async def hears_all(self) -> None:
        """Wait until it knows all calls whose end anybody has heard; then check what it was told.

        Raises:
            TimeoutError: it missed one.
        """
        ended = {
            entry.response.call_id
            for entry in self._ledger.entries
            if isinstance(entry, Heard) and entry.response.HasField("ended")
        }
        await self._ledger.until(
            lambda: all(self._stories[call_id].endswith("call_ended ") for call_id in ended)
        )
        for call_id, story in self._stories.items():
            if STORY.fullmatch(story) is None:
                self._ledger.violate("the watcher", f"of {call_id}: {story}")
        self._ledger.counts["watched"] = len(ended)

    async def _watch_on(self) -> None:
        for node in self._nodes:
            async with grpc.aio.insecure_channel(node, options=OPTIONS) as channel:
                try:
                    await self._watch(calls_pb2_grpc.CallServiceStub(channel))
                except grpc.aio.AioRpcError as error:
                    code = error.code()
                    if code not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
                        self._ledger.violate("the watcher", f"{code.name} {error.details()}")
            self._ledger.note("the watcher", f"has lost {node}", "watches lost")
            await lasts(PAUSE)

    async def _watch(self, service: "calls_pb2_grpc.CallServiceAsyncStub") -> None:
        stream = service.WatchEvents(
            calls_pb2.WatchEventsRequest(cursor=self._cursor), metadata=WHO
        )
        told = await stream.initial_metadata()
        self._cursor = self._cursor or str(dict(told)["signaling-cursor"])
        self._has_begun.set()
        async for response in stream:
            self._cursor = response.event.cursor
            kind = response.event.WhichOneof("event")
            if kind is not None and not kind.startswith("device"):
                self._stories[getattr(response.event, kind).call_id] += f"{kind} "
                self._ledger.tell()
