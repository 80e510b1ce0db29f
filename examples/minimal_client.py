"""A minimal client that keeps the whole contract: one device, one stream, nothing lost.

Copy it into an asyncio app, or port it: the names are those of the protocol.
"""

import asyncio
import random
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any, Final

import grpc
from signaling.v1 import signaling_pb2 as pb
from signaling.v1.signaling_pb2_grpc import SignalingServiceStub

ACK_DELAY: Final = 0.2  # s; an ack waits this long for a request to ride on
ACK_EVERY: Final = 32  # responses; or for this many
MIN_BACKOFF: Final = 0.5  # s; a wait is drawn from 0 to this, doubled by every failure
MAX_BACKOFF: Final = 30.0  # s
STAY_AWAY: Final = (  # to come again would change nothing; ABORTED: a newer stream took over
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.FAILED_PRECONDITION,
)
CHANNEL_OPTIONS: Final = (
    ("grpc.keepalive_time_ms", 15_000),  # finds out that the network is gone
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.use_local_subchannel_pool", 1),  # a new channel is a new connection, to any node
)


class TurnedAwayError(Exception):
    """The service has ended the stream with a status in STAY_AWAY."""


class Client:
    """One device: iterate `events` once, for as long as the device is on; `send` at any time.

    Args:
        address: `host:port` of the service.
        identity: request metadata that says who this is, such as `user-id` and `device-id`.
        agent: name and version of the app.
    """

    def __init__(self, address: str, identity: Sequence[tuple[str, str]], agent: str = "") -> None:
        self._address = address
        self._identity = tuple(identity)
        self._agent = agent
        self._session_id: str | None = None  # none: this process remembers nothing
        self._sent = 0  # the highest request seq given out
        self._written = 0  # the highest one written to this stream
        self._unacked: deque[pb.ConnectRequest] = deque()
        self._refused: list[pb.ConnectRequest] = []  # the service cannot say that it stored them
        self._processed = 0  # the highest response seq the app is done with
        self._acked = 0  # the highest one acknowledged
        self._is_ack_due = False
        self._status: grpc.StatusCode | None = None  # how the last stream ended
        self._is_leaving = False  # this stream: flush and half-close it
        self._is_closed = False
        self._wake = asyncio.Event()  # there may be something to write
        self._timers: dict[Callable[[], None], asyncio.TimerHandle] = {}

    def send(self, call_id: str, **payload: Any) -> None:
        """Send a request, such as `send(call_id, ringing=pb.Ringing())`: once, whatever happens."""
        self._sent += 1
        self._unacked.append(pb.ConnectRequest(seq=self._sent, call_id=call_id, **payload))
        self._wake.set()

    def close(self) -> None:
        """Leave politely: what was sent is flushed, then `events` ends."""
        self._is_closed = True
        self._leave()

    async def events(self) -> AsyncGenerator[pb.ConnectResponse, None]:
        """What the service says, each message once and in order, over as many streams as it takes.

        A message counts as processed when the next one is asked for. A `welcome` that is
        not `resumed` begins a new session: close the peer connections of the one before.

        Raises:
            TurnedAwayError: to connect again would change nothing.
        """
        failures = 0
        while not self._is_closed:
            try:
                async with aclosing(self._stream()) as responses:
                    async for response in responses:
                        failures = 0
                        yield response
            except grpc.aio.AioRpcError as error:
                if self._status in STAY_AWAY:
                    raise TurnedAwayError(self._status.name) from error
            if not self._is_leaving:
                most = min(MAX_BACKOFF, MIN_BACKOFF * 2 ** min(failures, 6))
                await asyncio.sleep(random.uniform(0, most))  # noqa: S311 - spread, not a secret
                failures += 1

    async def _stream(self) -> AsyncGenerator[pb.ConnectResponse, None]:
        """One stream, from its hello until it ends."""
        self._status, self._is_leaving, writer = None, False, None
        async with grpc.aio.insecure_channel(self._address, CHANNEL_OPTIONS) as channel:
            stream = SignalingServiceStub(channel).Connect(metadata=self._identity)
            stream.add_done_callback(self._keep_status)
            hello = pb.Hello(session_id=self._session_id, agent=self._agent)
            try:
                await stream.write(pb.ConnectRequest(hello=hello, ack=self._processed))
                async for response in stream:
                    if response.HasField("welcome"):
                        self._begin(response)
                        writer = asyncio.create_task(self._write(stream))
                    elif response.HasField("draining"):
                        after = response.draining.reconnect_after.ToTimedelta()
                        self._later(after.total_seconds(), self._leave)
                    elif response.error.code == pb.ERROR_CODE_UNAVAILABLE and not response.seq:
                        refused = response.error.in_reply_to
                        self._refused += [one for one in self._unacked if one.seq == refused]
                        return  # the service cannot reach its data: come back, and send it again
                    while self._unacked and self._unacked[0].seq <= response.ack:
                        self._unacked.popleft()
                    if not response.seq or response.seq > self._processed:  # else a duplicate
                        yield response
                        self._owe_ack(response.seq)
            finally:
                for timer in self._timers.values():
                    timer.cancel()
                self._timers.clear()
                if writer is not None:
                    writer.cancel()
                    await asyncio.gather(writer, return_exceptions=True)

    def _keep_status(self, stream: Any) -> None:
        """Note how the stream ended: a write that fails then hides it behind an INTERNAL."""
        try:
            stream.code().send(None)  # it is done: there is nothing to wait for
        except StopIteration as result:
            self._status = result.value

    def _begin(self, response: pb.ConnectResponse) -> None:
        """Go on where the session stands, or start anew if it is gone."""
        if not response.welcome.resumed and self._session_id is not None:
            self._unacked.clear()
            self._refused.clear()
            self._sent = self._processed = 0
        for request in self._refused:
            if request.seq < response.ack:  # else it is stored, or goes out with what follows
                self._send_again(request)
        self._refused.clear()
        self._session_id = response.welcome.session_id
        self._written, self._acked = response.ack, self._processed
        self._wake.set()

    def _send_again(self, request: pb.ConnectRequest) -> None:
        """Send what was overtaken by a request that was stored, under a new number."""
        again = pb.ConnectRequest()
        again.CopyFrom(request)
        self._sent += 1
        again.seq = self._sent
        self._unacked.append(again)

    async def _write(self, stream: Any) -> None:
        """Write what the service has not got, and an ack that nothing else has carried."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            for request in [one for one in self._unacked if one.seq > self._written]:
                request.ack = self._acked = self._processed
                self._written = request.seq
                await stream.write(request)
            if self._processed > self._acked and (self._is_ack_due or self._is_leaving):
                self._acked = self._processed
                await stream.write(pb.ConnectRequest(ack=self._acked))
            self._is_ack_due = False
            if self._is_leaving:
                await stream.done_writing()

    def _owe_ack(self, seq: int) -> None:
        """See to it that the service hears what the app has processed."""
        self._processed = max(self._processed, seq)
        if self._processed - self._acked >= ACK_EVERY:
            self._ack()
        elif self._processed > self._acked:
            self._later(ACK_DELAY, self._ack)

    def _ack(self) -> None:
        self._timers.pop(self._ack, None)
        self._is_ack_due = True
        self._wake.set()

    def _leave(self) -> None:
        self._is_leaving = True
        self._wake.set()

    def _later(self, delay: float, callback: Callable[[], None]) -> None:
        if callback not in self._timers:
            self._timers[callback] = asyncio.get_running_loop().call_later(delay, callback)
