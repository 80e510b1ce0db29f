"""The call registry: the only writer of calls. It carries requests to them, and fires deadlines."""

import asyncio
from collections.abc import Coroutine, Sequence
from math import isfinite
from typing import Any, Final

import structlog
from signaling.v1 import signaling_pb2 as pb

from signaling_service.backends.base import (
    Applied,
    Attached,
    Backend,
    Decide,
    Due,
    Moved,
    Over,
    Sender,
    Step,
    StreamId,
    Visit,
)
from signaling_service.clock import Clock, sleep
from signaling_service.connection import Connection
from signaling_service.core.buckets import Rate
from signaling_service.core.call import handle
from signaling_service.core.errors import (
    BackendAwayError,
    FencedError,
    RefusedError,
    SessionLostError,
)
from signaling_service.core.mailbox import Entry
from signaling_service.core.model import Call, Device, Directory, Event, Outcome, Verdict
from signaling_service.core.requests import is_valid_call_id, kind_of
from signaling_service.core.rules import Rules
from signaling_service.deadlines import Deadlines
from signaling_service.deciding import answered, error_of, keep, refuse, users_of, wrong_with
from signaling_service.metrics.refusals import Refusals
from signaling_service.policy.base import EVERYBODY, CallPolicy, verdict_on
from signaling_service.snapshots import snapshot_of
from signaling_service.turns import Turns
from signaling_service.witness import Witness

LEAVE_RETRY: Final = 0.5  # s; likewise, for a stream that was lost meanwhile
LEAVE_TIMEOUT: Final = 2.0  # s; a stream does not wait any longer for that
AT_ONCE: Final = 8  # streams that come, and that go: thousands would hold up everybody's calls
COMING_PATIENCE: Final = 10.0  # s; each turn takes long while the backend is away

log = structlog.get_logger()


class CallRegistry:
    """Applies what devices ask, and what time does, to calls.

    `start` it before use and `close` it after. `policy` is asked about every call that
    would begin.
    """

    def __init__(
        self,
        backend: Backend,
        clock: Clock,
        rules: Rules,
        witness: Witness,
        policy: CallPolicy = EVERYBODY,
    ) -> None:
        self._backend = backend
        self._policy = policy
        self._clock = clock
        self._rules = rules
        self._witness = witness
        self.refusals = Refusals()
        self._span_of = witness.tracer.message
        self._deadlines = Deadlines(backend, clock, self._fire)
        self._leaving: set[asyncio.Task[None]] = set()
        self._comings = Turns(AT_ONCE, COMING_PATIENCE)
        self._goings = Turns(AT_ONCE)

    def start(self) -> None:
        """Begin to fire deadlines."""
        self._deadlines.start()

    async def close(self) -> None:
        """Fire no more deadlines; let the streams that are leaving be lost first."""
        await self._deadlines.close()
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=LEAVE_TIMEOUT)
        for task in self._leaving:
            task.cancel()

    async def connect(self, visit: Visit) -> Connection:
        """Open or resume the session of a device, from its hello.

        Its calls hear that it is there, and calls that ring for it get a leg, before
        this returns.

        Raises:
            TooManyDevicesError: the user has as many connected devices as allowed.
            RevokedError: what it comes in with was revoked.
            FencedError: a newer stream has come meanwhile.
            BackendAwayError: the backend cannot be reached, or too many have come at once.
        """
        span = self._span_of("hello", visit.request, visit.device)
        try:
            async with self._comings:
                work = self._connect(visit)
                return await (work if span is None else span.over(work))
        except TimeoutError:  # the crowd is too large, or gets nowhere: come again later
            raise BackendAwayError from None

    async def _connect(self, visit: Visit) -> Connection:
        while isinstance(found := await self._backend.attach(visit), Over):
            await self._end_session(found)
        try:
            snapshots = await self._greet(found)
            backlog = await self._backend.read(found.stream, found.acked)
        except (BackendAwayError, FencedError):
            self._lose(found.stream)  # nobody is there to use it
            raise
        return Connection(
            found.stream,
            found.session_id,
            found.is_resumed,
            found.received,
            found.acked,
            backlog,
            [] if found.is_resumed else snapshots,
        )

    async def dispatch(
        self, stream: StreamId, request: pb.ConnectRequest, refusal: RefusedError | None = None
    ) -> pb.ConnectResponse | None:
        """Apply a request to its call, and to every mailbox the outcome names.

        Args:
            stream: the stream it came from.
            request: any request but a hello.
            refusal: why it is refused already, if it is.

        Returns:
            The error that answers an unnumbered request; a numbered one's is in the
            mailbox of its sender.

        Raises:
            FencedError: the stream counts no more.
            AckTooHighError: its `ack` is above what was sent.
            MailboxFullError: it leaves too many errors unacknowledged.
            BackendAwayError: nothing is known to have happened; the same may be tried again.
        """
        sender = Sender(stream, request.seq, request.ack)
        kind = kind_of(request)
        if kind is None and not request.seq:
            await self._backend.apply(Step("", keep, sender))
            return None
        span = self._span_of(kind, request, stream.device)
        work = self._serve(sender, request, kind, refusal)
        refused = await (work if span is None else span.over(work))
        if refused is None:
            return None
        self.refusals.count(kind, refused.code)
        call_id = request.call_id if is_valid_call_id(request.call_id) else ""
        self._witness.journal.refused(stream.device, call_id, refused)
        return None if request.seq else error_of(refused, 0, call_id)

    async def _serve(
        self,
        sender: Sender,
        request: pb.ConnectRequest,
        kind: str | None,
        refusal: RefusedError | None,
    ) -> RefusedError | None:
        """Apply a request; returns why it was refused, if it was."""
        stream = sender.stream
        if kind == "candidates" and refusal is None and is_valid_call_id(request.call_id):
            relayed = await self._backend.relay(sender, request)
            if relayed is not None:
                if relayed.full:
                    await self._follow(request.call_id, relayed)
                return None
        if refusal is None:
            refusal = wrong_with(request, kind, self._rules.limits)
        if kind == "refresh" and refusal is None:  # whoever carries the stream has looked at it
            await self._backend.apply(Step("", keep, sender))
            return None
        call_id = request.call_id if refusal is None or is_valid_call_id(request.call_id) else ""
        if refusal is None:
            verdict = Verdict.ALLOWED
            if kind == "offer":
                verdict = await verdict_on(self._policy, stream.device, request.offer)
            event = Event(kind or "", stream.device, stream.session, request, verdict)
            decide, users = self._decide(event), users_of(event)
        else:
            decide, users = refuse(refusal), ()
        if request.seq:
            decide = answered(decide, sender, call_id)
        applied = await self._apply(Step(call_id, decide, sender, users))
        return applied.outcome.refusal

    async def disconnect(self, stream: StreamId) -> None:
        """The stream is lost: its calls hear of it, and its session waits to be resumed.

        While the backend is away that is tried again after this has returned.
        """
        await asyncio.wait([self._lose(stream)], timeout=LEAVE_TIMEOUT)

    def read(self, stream: StreamId, after: int) -> Coroutine[Any, Any, Sequence[Entry]]:
        """What the device has to be sent above seq `after`, in order.

        It raises a FencedError if the stream counts no more.
        """
        return self._backend.read(stream, after)

    async def end_call(self, call_id: str, text: str | None) -> Call | None:
        """End a call as another service wants it; returns it as it ended, None for no call."""
        request = pb.ConnectRequest(hangup=pb.Hangup(text=text))
        return (await self._step(call_id, Event("terminate", request=request))).outcome.call

    async def disconnect_device(self, device: Device) -> None:
        """End the session of a device, and let tokens issued to it before now be no good."""
        over = await self._backend.revoke(device)
        if over is not None:
            await self._end_session(over)

    async def is_revoked(self, device: Device, issued_at: float) -> bool:
        """Whether a token that was issued then is no good any more; what is no token always is."""
        return isfinite(issued_at) and issued_at < await self._backend.revoked_at(device)

    async def take(self, bucket: str, rate: Rate) -> float:
        """Take a token of a bucket that all nodes share; returns how many are left.

        Below 0 there was none.
        """
        return await self._backend.take(bucket, rate)

    def _lose(self, stream: StreamId) -> asyncio.Task[None]:
        leaving = asyncio.create_task(self._leave(stream))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)
        return leaving

    async def _leave(self, stream: StreamId) -> None:
        """Let a stream be lost, as often as it takes: else its peer would never hear of it."""
        while True:
            try:
                async with self._goings:
                    calls = await self._backend.detach(stream)
                    self._deadlines.remind(self._clock.now() + self._rules.resume_window)
                    await self._tell_calls(Moved(stream, is_connected=False, calls=calls))
            except BackendAwayError:
                await sleep(self._clock, LEAVE_RETRY)
            except Exception:
                log.exception("disconnect_failed")
                return
            else:
                return

    async def _tell_calls(self, moved: Moved) -> None:
        """Let calls hear that a stream was lost or is back, unless another one counts now."""
        stream = moved.stream
        kind = "attached" if moved.is_connected else "detached"
        try:
            for call_id in moved.calls:
                await self._step(call_id, Event(kind, stream.device, stream.session), stream)
            if moved.calls:
                await self._backend.settle(moved)
        except (FencedError, SessionLostError):
            log.debug("moved_on", **stream.device._asdict())

    async def _greet(self, found: Attached) -> list[pb.CallSnapshot]:
        """Tell the calls of the device that it is there; returns what it has to know of them."""
        stream, device = found.stream, found.stream.device
        attached = Event("attached", device, stream.session)
        snapshots = [
            snapshot_of((await self._step(call_id, attached, stream)).outcome.call, device)
            for call_id in found.calls
        ]
        for call_id, ended in found.unheard.items():
            call = (await self._step(call_id, attached, stream)).outcome.call
            over = snapshot_of(call, device) or pb.CallSnapshot(call_id=call_id)
            over.state = pb.CALL_STATE_ENDED
            over.ended.CopyFrom(ended)
            snapshots.append(over)
        return [snapshot for snapshot in snapshots if snapshot is not None]

    async def _end_session(self, over: Over) -> None:
        for call_id in over.calls:
            await self._step(call_id, Event("gone", over.device, over.session))
        await self._backend.end(over)
        self._deadlines.remind(self._clock.now() + self._rules.ended_memory)  # what it left unheard
        self._witness.journal.session_ended(over.device)

    async def _step(self, call_id: str, event: Event, guard: StreamId | None = None) -> Applied:
        return await self._apply(Step(call_id, self._decide(event), guard=guard))

    async def _apply(self, step: Step) -> Applied:
        """Apply a step, and what follows from mailboxes that it filled."""
        applied = await self._backend.apply(step)
        self._witness.observe(applied.before, applied.outcome.call, self._clock.now())
        if applied.outcome.call is not None:
            self._deadlines.remind(applied.outcome.call.deadline)
        if applied.full:
            await self._follow(step.call_id, applied)
        return applied

    async def _follow(self, call_id: str, applied: Applied) -> None:
        for device in applied.full:
            await self._step(call_id, Event("overflow", device))

    def _decide(self, event: Event) -> Decide:
        def decide(call: Call | None, directory: Directory, now: float) -> Outcome:
            return handle(call, event, directory, now, self._rules)

        return decide

    async def _fire(self, due: Due) -> None:
        """Fire what is due. Late or twice does no harm: a step looks at the time itself."""
        for call_id in due.calls:
            await self._deadlines.attempt(self._step(call_id, Event("deadline")))
        for over in due.sessions:
            await self._deadlines.attempt(self._end_session(over))
        for moved in due.moved:
            await self._deadlines.attempt(self._tell_calls(moved))
