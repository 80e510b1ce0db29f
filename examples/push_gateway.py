"""A push gateway: wakes the phones of whoever is called, and withdraws what is settled.

It keeps its cursor and the pushes that are out in a file, written after each event: killed
and started again, it may push a call twice, and misses none. A push names its call, so that
the second replaces the first.
"""

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import grpc
from signaling.v1 import calls_pb2 as pb
from signaling.v1 import calls_pb2_grpc
from signaling.v1 import signaling_pb2 as signaling

from examples.event_stream import CHANNEL_OPTIONS, CursorLostError, Identity, watch

LATE: Final = 2.0  # s; an event so old may not be so any more: ask before a phone rings for it
PAUSE: Final = 1.0  # s; while the service cannot say what rings
PAGE: Final = 1000  # calls
KINDS: Final = (pb.EVENT_KIND_OFFER_PENDING, pb.EVENT_KIND_OFFER_SETTLED)
SERVICE: Final = (("role", "service"),)  # development credentials; else a token of a service


class Push(NamedTuple):
    """What a phone is told. `expires_at` is when the call rings out; seconds since the epoch."""

    token: str
    call_id: str
    caller: str
    metadata: Mapping[str, str]
    expires_at: float


class PushSender(Protocol):
    """Whoever gets a push to a phone, such as APNs or FCM.

    Must not take long, the next call waits meanwhile; what it cannot deliver is its business.
    """

    async def push(self, push: Push) -> None:
        """Wake a phone, at once, with the highest priority."""

    async def withdraw(self, token: str, call_id: str) -> None:
        """The call does not ring any more: nobody has to be woken for it."""


class PushGateway:
    """Wakes devices that have a token: by user, then by device.

    Args:
        channel: to any node of the service.
        tokens: who can be woken.
        sender: who does it.
        file: what is remembered between two starts.
        identity: the credentials of a service.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        tokens: Mapping[str, Mapping[str, str]],
        sender: PushSender,
        file: Path,
        identity: Identity = SERVICE,
    ) -> None:
        self._channel = channel
        self._calls = calls_pb2_grpc.CallServiceStub(channel)
        self._tokens = tokens
        self._sender = sender
        self._file = file
        self._identity = tuple(identity)
        self._cursor: str | None = None
        self._out: dict[str, list[str]] = {}  # tokens that were pushed, by call
        with suppress(FileNotFoundError):
            kept = json.loads(file.read_text())
            self._cursor, self._out = kept["cursor"], kept["out"]

    async def run(self) -> None:
        """Do it for ever."""
        while True:
            try:
                await self._follow()
            except CursorLostError:
                await self._begin_anew()
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                await asyncio.sleep(PAUSE)

    async def _follow(self) -> None:
        async with aclosing(watch(self._channel, self._identity, self._cursor, KINDS)) as events:
            async for event in events:
                if self._cursor is None:
                    await self._catch_up()
                await self._handle(event)
                self._cursor = event.cursor
                self._save()

    async def _handle(self, event: pb.SignalingEvent) -> None:
        match event.WhichOneof("event"):
            case "offer_pending":
                await self._wake(event)
            case "offer_settled":
                await self._settle(event.offer_settled.call_id)

    async def _wake(self, event: pb.SignalingEvent) -> None:
        offer, happened_at = event.offer_pending, event.time.ToNanoseconds() / 1e9
        expires_at = happened_at + offer.time_left.ToNanoseconds() / 1e9
        reached = {device.device_id for device in offer.reached}
        if time.time() > expires_at:
            return
        if time.time() > happened_at + LATE:
            call = await self._look(offer.call_id)
            if call is None or call.state != signaling.CALL_STATE_RINGING:
                return
            reached |= {leg.device.device_id for leg in call.legs}
        wanted = self._tokens.get(offer.recipient_user_id, {})
        if offer.HasField("recipient_device_id"):
            only = offer.recipient_device_id
            wanted = {only: wanted[only]} if only in wanted else {}
        unreached = [token for device, token in wanted.items() if device not in reached]
        await self._push(offer, unreached, expires_at)

    async def _push(
        self, offer: pb.OfferPendingEvent, tokens: list[str], expires_at: float
    ) -> None:
        for token in tokens:
            caller, metadata = offer.caller.user_id, dict(offer.metadata)
            await self._sender.push(Push(token, offer.call_id, caller, metadata, expires_at))
        if tokens:
            self._out[offer.call_id] = tokens

    async def _settle(self, call_id: str) -> None:
        for token in self._out.get(call_id, ()):
            await self._sender.withdraw(token, call_id)
        self._out.pop(call_id, None)

    async def _look(self, call_id: str) -> pb.Call | None:
        """A call as it is now, None if there is none any more."""
        try:
            request = pb.GetCallRequest(call_id=call_id)
            return (await self._calls.GetCall(request, metadata=self._identity)).call
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise

    async def _begin_anew(self) -> None:
        """Nobody knows which of the pushes are still good; what rings is pushed again."""
        self._cursor = None
        for call_id in list(self._out):
            await self._settle(call_id)
        self._save()

    async def _catch_up(self) -> None:
        """See what rings already; what happens from now on is an event."""
        request = pb.ListCallsRequest(state=signaling.CALL_STATE_RINGING, page_size=PAGE)
        while True:
            page = await self._calls.ListCalls(request, metadata=self._identity)
            for call in page.calls:
                if not call.barred:
                    await self._handle(_pending(call))
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def _save(self) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps({"cursor": self._cursor, "out": self._out}))
        new.replace(self._file)


def _pending(call: pb.Call) -> pb.SignalingEvent:
    """A call that rings, as the event that was missed; without what the caller said of it."""
    event = pb.SignalingEvent(time=call.create_time)
    event.offer_pending.call_id = call.call_id
    event.offer_pending.caller.CopyFrom(call.caller)
    event.offer_pending.recipient_user_id = call.callee_user_id
    event.offer_pending.reached.extend(leg.device for leg in call.legs)
    rings = call.ring_deadline.ToNanoseconds() - call.create_time.ToNanoseconds()
    event.offer_pending.time_left.FromNanoseconds(rings)
    return event


class Terminal:
    """A `PushSender` that shows what would be sent."""

    async def push(self, push: Push) -> None:
        """See `PushSender.push`."""
        left = push.expires_at - time.time()
        print(f"wake {push.token}: {push.caller} calls, {left:.0f} s left ({push.call_id})")  # noqa: T201 - what it is for

    async def withdraw(self, token: str, call_id: str) -> None:
        """See `PushSender.withdraw`."""
        print(f"withdraw {token}: {call_id}")  # noqa: T201 - what it is for


async def main(
    tokens: Mapping[str, Mapping[str, str]], file: Path, address: str = "127.0.0.1:50051"
) -> None:
    """Wake the phones that have tokens, until stopped."""
    async with grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
        await PushGateway(channel, tokens, Terminal(), file).run()


if __name__ == "__main__":
    # such as {"bob": {"phone": "its token"}}
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]), *sys.argv[3:]))
