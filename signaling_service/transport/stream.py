"""One device's stream, whatever carries its bytes.

Two tasks with one lifetime: the caller's writes, and one that reads. The
writer alone decides when the stream ends, and never inside a write.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Final

import structlog
from signaling.v1 import signaling_pb2 as pb

from signaling_service.backends.base import Visit
from signaling_service.clock import Timer
from signaling_service.connection import Connection
from signaling_service.core.errors import (
    BackendAwayError,
    FencedError,
    RefusedError,
    SessionLostError,
    UnavailableError,
)
from signaling_service.core.requests import check_hello, kind_of
from signaling_service.transport import errors
from signaling_service.transport.acks import Acks
from signaling_service.transport.admission import admit, unrecorded
from signaling_service.transport.completing import completed
from signaling_service.transport.credentials import Credentials
from signaling_service.transport.errors import Status, StreamEndedError
from signaling_service.transport.guard import parsed
from signaling_service.transport.service import Service
from signaling_service.transport.tasks import to_its_end
from signaling_service.transport.welcome import welcome

FLUSH_TIMEOUT: Final = 5.0  # s; a device that has half-closed need not read on
MAX_UNNUMBERED: Final = 64  # responses that wait outside the mailbox before reading pauses

_HEAD: Final = pb.ConnectResponse()  # filled and serialized in one go: one is enough for all

log = structlog.get_logger()

Read = Callable[[], Awaitable[object]]  # anything but bytes: the device has half-closed
Write = Callable[[bytes], Awaitable[None]]


class Stream:
    """A device's stream: `run` it once; `wake` and `send` it from outside."""

    __slots__ = (
        "_acks",
        "_connection",
        "_credentials",
        "_device",
        "_end",
        "_flush_timer",
        "_hello_timer",
        "_is_abandoned",
        "_is_half_closed",
        "_is_interruptible",
        "_is_woken",
        "_read_bytes",
        "_received",
        "_room",
        "_sent",
        "_service",
        "_task",
        "_unnumbered",
        "_waiter",
        "_write_bytes",
    )

    def __init__(
        self, credentials: Credentials, service: Service, read: Read, write: Write
    ) -> None:
        self._credentials = credentials
        self._device = credentials.identity.device
        self._service = service
        self._read_bytes = read
        self._write_bytes = write
        self._task: asyncio.Task[object] | None = None
        self._connection: Connection | None = None
        self._end: Status | None = None
        self._is_half_closed = False
        self._is_abandoned = False  # the writer was called off, inside a write
        self._is_interruptible = False  # the reader waits, and may be cancelled
        self._is_woken = False
        self._waiter: asyncio.Future[None] | None = None  # lighter than an Event
        self._unnumbered: list[pb.ConnectResponse] = []
        self._room: asyncio.Event | None = None  # the reader waits for room in it
        self._sent = 0  # the highest response seq written
        self._received = 0  # the highest request seq processed, or refused but not recorded
        self._acks = Acks(service.clock, self.wake)
        self._hello_timer: Timer | None = None
        self._flush_timer: Timer | None = None

    async def run(self, hello_timeout: float) -> Status | None:
        """Serve a device that says hello in time; returns the end, None after a half-close."""
        self._task = asyncio.current_task()
        reader = asyncio.create_task(self._read_all())
        self._hello_timer = self._service.clock.call_later(hello_timeout, self._say_late)
        self._credentials.watch(self.end)
        try:
            return await self._write_all()
        except asyncio.CancelledError:
            if not self._is_abandoned:
                raise  # the device has cancelled, or its connection is lost
            return await self._end_of_abandoned()
        finally:
            self._service.writes.ended(self)
            self.end(errors.INTERNAL)  # a reader that is busy reads no more
            self._cancel_timers()
            await to_its_end(self._leave(reader))

    @property
    def is_open(self) -> bool:
        """Whether its hello was welcomed."""
        return self._connection is not None

    def wake(self) -> None:
        """There may be something to write."""
        self._is_woken = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def send(self, response: pb.ConnectResponse) -> None:
        """Write an unnumbered response soon."""
        self._unnumbered.append(response)
        self.wake()

    def end(self, how: Status) -> None:
        """End the stream soon, unless it ends already."""
        self._end = self._end or how
        self.wake()

    def give_up(self) -> None:
        """End the stream although it is inside a write."""
        self._end = self._end or errors.write_stuck(self._service.writes.timeout)
        self._abandon()

    def _abandon(self) -> None:
        self._is_abandoned = True
        if self._task is not None:
            self._task.cancel()

    async def _end_of_abandoned(self) -> Status | None:
        """How a stream ends that was inside a write: it may have been replaced meanwhile."""
        if self._connection is not None:
            try:
                await self._service.registry.read(self._connection.stream, self._sent)
            except FencedError as error:
                return errors.ending(error, self._service.rules.limits)
            except (BackendAwayError, SessionLostError):
                return self._end
        return self._end

    def _cancel_timers(self) -> None:
        for timer in (self._hello_timer, self._flush_timer):
            if timer is not None:
                timer.cancel()
        self._acks.close()
        self._credentials.close()

    async def _leave(self, reader: asyncio.Task[None]) -> None:
        """Let the reader come to its end, and the registry know."""
        if self._is_interruptible:
            reader.cancel()
        await asyncio.wait([reader])
        self._cancel_timers()
        if self._connection is not None:
            await self._service.registry.disconnect(self._connection.stream)

    def _say_late(self) -> None:
        self.end(errors.HELLO_TIMEOUT)

    # writing

    async def _write_all(self) -> Status | None:
        """Write what there is, until the stream ends."""
        while self._end is None:
            await self._wait()
            is_last = self._is_half_closed
            if self._connection is not None:
                if self._unnumbered:
                    await self._write_unnumbered()
                await self._write_mailbox(self._connection)
                if self._unnumbered:
                    await self._write_unnumbered()
                if self._acks.is_wanted or (is_last and self._acks.is_owed):
                    await self._write_frame(b"", None, seq=0)
            if is_last:
                break
        return self._end

    async def _wait(self) -> None:
        """Wait until somebody has called `wake` since the last time."""
        if not self._is_woken:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
            self._waiter = None
        self._is_woken = False

    async def _write_unnumbered(self) -> None:
        while self._unnumbered and self._end is None:
            response = self._unnumbered.pop(0)
            await self._write_frame(response.SerializeToString(), kind_of(response), 0)
        if self._room is not None:
            self._room.set()

    async def _write_mailbox(self, connection: Connection) -> None:
        try:
            entries = await self._service.registry.read(connection.stream, self._sent)
        except (FencedError, SessionLostError) as error:
            self.end(errors.ending(error, self._service.rules.limits))
            return
        except BackendAwayError:
            return  # whoever is back wakes us
        for entry in entries:
            if self._unnumbered:  # an error goes ahead of an ack for what came after it
                await self._write_unnumbered()
            if self._end is not None:
                return
            await self._write_frame(completed(entry, self._service), entry.kind, entry.seq)
            self._sent = entry.seq

    async def _write_frame(self, body: bytes, kind: str | None, seq: int) -> None:
        """Write a response; fields of a message may come in parts (protobuf encoding)."""
        _HEAD.seq, _HEAD.ack = seq, self._acks.tell()
        head = _HEAD.SerializeToString()
        self._service.writes.began(self)
        await self._write_bytes(head + body)
        self._service.writes.ended(self)
        self._service.traffic.sent[kind] += 1

    # reading

    async def _read_all(self) -> None:
        """Read until the device half-closes or the stream ends; its end is the writer's to tell."""
        try:
            while self._end is None:
                self._is_interruptible = True
                data = await self._read_bytes()
                self._is_interruptible = False
                if not isinstance(data, bytes):
                    self._half_close()
                    break
                await self._receive(parsed(pb.ConnectRequest.FromString, data, errors.NO_REQUEST))
        except errors.ENDING as error:
            self.end(errors.ending(error, self._service.rules.limits))
        except Exception:
            error_id, status = errors.internal()
            log.exception("stream_failed", error_id=error_id, **self._device._asdict())
            self.end(status)
        self.wake()

    def _half_close(self) -> None:
        if self._connection is None:
            raise StreamEndedError(errors.NO_HELLO)
        self._is_half_closed = True
        self._flush_timer = self._service.clock.call_later(FLUSH_TIMEOUT, self._abandon)

    def _receive(self, request: pb.ConnectRequest) -> Coroutine[object, object, None]:
        """What to await, as far as a request is in its place."""
        kind, seq = kind_of(request), request.seq
        self._service.traffic.received[kind] += 1
        if self._connection is None:
            if kind != "hello":
                raise StreamEndedError(errors.NO_HELLO)
            return self._connect(request)
        if kind == "hello":
            raise StreamEndedError(errors.SECOND_HELLO)
        if seq > self._received + 1:
            raise StreamEndedError(errors.SEQ_GAP)
        if seq and seq <= self._received:
            return self._process_again(self._connection, request)
        return self._process(self._connection, request, kind)

    async def _connect(self, request: pb.ConnectRequest) -> None:
        if request.seq:
            raise StreamEndedError(errors.NUMBERED_HELLO)
        try:
            check_hello(request.hello, self._service.rules.limits)
        except RefusedError as refusal:
            raise StreamEndedError(errors.bad_hello(refusal)) from None
        if self._hello_timer is not None:
            self._hello_timer.cancel()  # said in time, however many others have
            self._hello_timer = None
        issued_at = self._credentials.identity.issued_at
        visit = Visit(self._device, request, self.wake, issued_at)
        connection = await self._service.registry.connect(visit)
        self._service.traffic.opens(request.hello, is_resumed=connection.is_resumed)
        self._acks.resume(connection.received)
        self._received = connection.received
        self._sent = connection.acked
        self._unnumbered.insert(0, welcome(connection, self._service))
        self._connection = connection
        self._service.witness.journal.session_began(self._device, is_resumed=connection.is_resumed)
        self.wake()

    async def _process(
        self, connection: Connection, request: pb.ConnectRequest, kind: str | None
    ) -> None:
        refusal = None
        if admission := admit(request, kind, self._credentials, self._service):
            self._is_interruptible = True
            refusal = await admission
            self._is_interruptible = False
        try:
            error = await self._service.registry.dispatch(connection.stream, request, refusal)
        except BackendAwayError:
            error = self._not_recorded(request, kind)
        self._received = request.seq or self._received
        if error is not None:
            await self._make_room()
            self.send(error)
        elif request.seq:
            self._acks.processes(request.seq)

    async def _process_again(self, connection: Connection, request: pb.ConnectRequest) -> None:
        """A duplicate: its ack counts, and it is acknowledged again."""
        await self._process(connection, pb.ConnectRequest(ack=request.ack), None)
        self._acks.want()

    def _not_recorded(
        self, request: pb.ConnectRequest, kind: str | None
    ) -> pb.ConnectResponse | None:
        """Refuse what the backend cannot record; returns the error, but for a bare ack."""
        if kind is None and not request.seq:
            return None  # the next one says it too
        self._service.registry.refusals.count(kind, UnavailableError.code)
        return unrecorded(request)

    async def _make_room(self) -> None:
        """Wait while too many unnumbered responses are unwritten."""
        while len(self._unnumbered) >= MAX_UNNUMBERED and self._end is None:
            self._room = asyncio.Event()
            self._is_interruptible = True
            await self._room.wait()
            self._is_interruptible = False
            self._room = None
