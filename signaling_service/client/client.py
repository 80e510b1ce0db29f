"""A device, as an app holds it: it stays connected whatever happens to its streams."""

import asyncio
import inspect
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final, NamedTuple, Self, Unpack

import grpc
from signaling.v1 import signaling_pb2 as pb

from signaling_service.client.call import Call, described
from signaling_service.client.credentials import Bearer, Credentials
from signaling_service.client.errors import (
    ClosedError,
    TooLargeError,
    UnauthenticatedError,
    UnreadError,
    final_error,
)
from signaling_service.client.events import Cause, Description
from signaling_service.client.inbox import Inbox
from signaling_service.client.news import ClientEvent, Disconnected
from signaling_service.client.options import CallOptions, ClientOptions
from signaling_service.client.session import Session
from signaling_service.client.stream import End, Metadata, Stream, Target
from signaling_service.client.switchboard import Switchboard
from signaling_service.client.timing import Timing

MAX_UNREAD: Final = 1000  # events of a client; so many are days of a bad network
MESSAGE_BYTES: Final = 64 * 1024  # until a welcome says what the limit is
NUMBERS_BYTES: Final = 12  # what `seq` and `ack` add to a request at most
LEAVE_TIMEOUT: Final = 6.0  # s; the service flushes for 5


class _Denied(NamedTuple):
    """What was UNAUTHENTICATED, and how the stream ended."""

    metadata: Metadata
    end: End


class Client:
    """One device of a user: enter it, iterate it once, and call from it.

    It connects at once and again whenever the connection breaks, after a wait that grows; what
    was sent and not acknowledged is sent again, what was heard is not heard twice. Leaving
    the context hangs up and disconnects. It cannot be entered again: a new one is a new
    process, which remembers no session.

    Iterating it raises, when nothing can come any more:
        ClientError: to connect again would change nothing; its class says why.

    An exception of `credentials` ends it as well, but for an `OSError`: that is a drop.

    Args:
        address: `host:port` of the service.
        credentials: called before each connection for the request metadata that say who this
            is; it may be a coroutine function. See `bearer` and `identity`. Whoever is told
            UNAUTHENTICATED asks once more, and stops unless the answer is another one.
        options: see `ClientOptions`.
    """

    def __init__(
        self, address: str, credentials: Credentials, **options: Unpack[ClientOptions]
    ) -> None:
        self._target = Target(address, options.get("tls"))
        self._credentials = credentials
        self._timing = options.get("timing", Timing())
        self._observe = options.get("observe", lambda _message: None)
        self._session = Session(options.get("agent", ""), options.get("labels"))
        self._news = Inbox[ClientEvent](MAX_UNREAD)
        self._switchboard = Switchboard(self._session, self._news, self._send)
        self._stream: Stream | None = None
        self._is_closing = False
        self._is_unread = False
        self._welcomes = 0
        self._denied: _Denied | None = None  # since the last welcome
        self._ready: asyncio.Future[None]
        self._task: asyncio.Task[None]

    # what an app does

    def call(self, user_id: str, description: Description, **options: Unpack[CallOptions]) -> Call:
        """Call a user: with plain SDP, or with what the apps have sealed.

        Raises:
            ClosedError: the client has stopped.
            TooLargeError: above the limit of the service.
        """
        self._check_open()
        offer = pb.SdpOffer(
            recipient_user_id=user_id,
            recipient_device_id=options.get("device_id"),
            routing=options.get("routing", pb.ROUTING_UNSPECIFIED),
            offline_policy=options.get("offline_policy", pb.OFFLINE_POLICY_UNSPECIFIED),
            metadata=options.get("metadata"),
            **described(description),
        )
        if "ring_timeout" in options:
            offer.ring_timeout.FromTimedelta(timedelta(seconds=options["ring_timeout"]))
        return self._switchboard.place(options.get("call_id") or str(uuid.uuid4()), offer)

    def refresh(self, access_token: str) -> None:
        """Renew the credentials of the stream before they expire: same user, same device.

        With a token that the service does not take the old one counts on, and a `Refused`
        is among the client's events; somebody else's ends the client. Not needed where the
        source of `bearer` says when its tokens expire. Another connection asks the source.

        Raises:
            ClosedError: the client has stopped.
        """
        self._check_open()
        self._refresh(access_token)

    @property
    def calls(self) -> Mapping[str, Call]:
        """The calls that are not over, by their id."""
        return self._switchboard.calls

    @property
    def ice_servers(self) -> tuple[pb.IceServer, ...]:
        """The STUN and TURN servers for a peer connection made now; none before `ready`."""
        return self._switchboard.ice_servers

    async def ready(self) -> None:
        """Wait until the device was connected for the first time.

        Raises:
            ClientError: it will not be.
        """
        await asyncio.shield(self._ready)

    async def close(self) -> None:
        """Hang up, flush and disconnect. What rings goes on ringing at the user's other devices."""
        for call in list(self.calls.values()):
            if call.is_party:
                call.hangup()
        self._is_closing = True
        if self._stream is not None and self._stream.is_open:
            self._stream.leave()
        else:
            self._task.cancel()
        try:
            await asyncio.wait([self._task], timeout=LEAVE_TIMEOUT)
        finally:
            self._task.cancel()
        await asyncio.wait([self._task])

    async def __aenter__(self) -> Self:
        self._ready = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self._stop)
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    def __aiter__(self) -> AsyncIterator[ClientEvent]:
        return self

    async def __anext__(self) -> ClientEvent:
        return await self._news.get()

    # staying connected

    async def _run(self) -> None:
        failures = 0
        while not self._is_closing:
            welcomes = self._welcomes
            was_denied = self._denied is not None
            end = await self._connect()
            was_welcomed = self._welcomes > welcomes
            error = final_error(end.code, end.detail)
            is_denied_anew = isinstance(error, UnauthenticatedError) and (
                was_welcomed or not was_denied
            )
            if error and not is_denied_anew:
                raise error
            if self._is_closing:
                return
            if self._is_unread:
                raise UnreadError(f"{MAX_UNREAD} events wait")
            failures = 1 if was_welcomed else failures + 1
            wait = self._timing.backoff(failures - 1) if end.pause is None else end.pause
            self._tell(Disconnected(end.code, end.detail, wait))
            await self._timing.sleep(wait)

    async def _connect(self) -> End:
        """One stream, from its credentials to its end."""
        try:
            metadata = await self._ask()
        except OSError as error:
            return End(grpc.StatusCode.UNAVAILABLE, f"no credentials: {error}")
        if self._denied is not None and self._denied.metadata == metadata:
            return self._denied.end  # it would be the same again
        self._stream = Stream(self._session, self._timing, self._hear, self._observe)
        async with self._renewing(self._stream):
            end = await self._stream.run(self._target, metadata)
        if end.code is grpc.StatusCode.UNAUTHENTICATED:
            self._denied = _Denied(metadata, end)
        return end

    async def _ask(self) -> Metadata:
        metadata = self._credentials()
        if inspect.isawaitable(metadata):
            metadata = await metadata
        return metadata

    @asynccontextmanager
    async def _renewing(self, stream: Stream) -> AsyncIterator[None]:
        """Renew the token of a stream while it lasts; raises what the source of tokens raises."""
        renewing = asyncio.create_task(self._renew(stream))
        try:
            yield
        finally:
            self._stream = None
            renewing.cancel()
            await asyncio.wait([renewing])
        if not renewing.cancelled():
            renewing.result()

    async def _renew(self, stream: Stream) -> None:
        if isinstance(self._credentials, Bearer):
            try:
                await self._credentials.renew(self._timing, self._refresh)
            except Exception:
                stream.leave()
                raise

    def _refresh(self, access_token: str) -> None:
        self._send(pb.ConnectRequest(refresh=pb.Refresh(access_token=access_token)))

    def _hear(self, response: pb.ConnectResponse) -> None:
        self._switchboard.hear(response)
        if response.HasField("welcome"):
            self._welcomes += 1
            self._denied = None
            if not self._ready.done():
                self._ready.set_result(None)
        if self._news.is_full and self._stream is not None:
            self._is_unread = True
            self._stream.leave()

    def _tell(self, event: Disconnected) -> None:
        """Tell of a failure; the newest is enough."""
        if isinstance(self._news.newest, Disconnected):
            self._news.replace(event)
        else:
            self._news.put(event)

    def _send(self, request: pb.ConnectRequest) -> None:
        """Let a request get on its way. Without effect once the client is closing."""
        if self._is_closing:
            return
        limit = self._switchboard.welcome.limits.message_bytes or MESSAGE_BYTES
        size = request.ByteSize() + NUMBERS_BYTES
        if size > limit:
            raise TooLargeError(f"{size} bytes, {limit} are allowed")
        self._session.add(request)
        if self._stream is not None:
            self._stream.wake()

    def _check_open(self) -> None:
        if self._is_closing or self._task.done():
            raise ClosedError("the client has stopped")

    def _stop(self, task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if not self._ready.done():
            self._ready.set_exception(error or ClosedError("the client has stopped"))
            self._ready.exception()  # whoever waits gets it; nobody has to
        self._switchboard.lose(Cause.CLOSED)
        self._news.close(error)
