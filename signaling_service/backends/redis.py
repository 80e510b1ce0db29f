"""Valkey or Redis as the backend: any number of nodes are one service.

All that a cell stores lies in one engine, and every promise of `Backend` is one script there.
A step reads, decides here, and is written if what it has read is still so; else it
decides again. Reading first is spared where this node has seen the call.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Final

from redis.exceptions import ResponseError
from signaling.v1 import signaling_pb2 as pb

from signaling_service.backends.base import (
    Applied,
    Attached,
    Due,
    Moved,
    Over,
    Sender,
    Step,
    StreamId,
    Visit,
)
from signaling_service.backends.known import KnownCalls
from signaling_service.backends.link import (
    AnswerError,
    Argument,
    Link,
    Reply,
    WrongBackendError,
)
from signaling_service.backends.local import LocalStream, LocalStreams, guard_args, sender_args
from signaling_service.backends.location import Location
from signaling_service.backends.membership import LEASE, Membership
from signaling_service.backends.records import SESSION_ID_BYTES
from signaling_service.backends.redis_archive import RedisArchive
from signaling_service.backends.redis_claims import RedisClaims
from signaling_service.backends.stored import agent_to_bytes, entry_from_bytes, stamp_of
from signaling_service.backends.views import (
    Known,
    UnseenError,
    View,
    ending_of,
    key_of,
    mail_of,
    moved_of,
    over_of,
    writes,
)
from signaling_service.clock import Clock
from signaling_service.core.buckets import Rate
from signaling_service.core.errors import (
    AckTooHighError,
    BackendAwayError,
    FencedError,
    MailboxFullError,
    RevokedError,
    SessionLostError,
    SignalingError,
    TooManyDevicesError,
)
from signaling_service.core.mailbox import Entry
from signaling_service.core.model import Device, Outcome
from signaling_service.core.relaying import forward
from signaling_service.core.rules import Rules

ATTEMPT_BYTES: Final = 8  # tells one attach from another
DUE_AT_ONCE: Final = 100  # so many a sweep; the engine is not held up for longer
SWEEP_INTERVAL: Final = 1.0  # s; what a dead node has left behind is this late at most

_REFUSALS: Final[Mapping[str, type[SignalingError]]] = {
    "FENCED": FencedError,
    "REVOKED": RevokedError,
    "LOST": SessionLostError,
    "ACK": AckTooHighError,
    "FULL": MailboxFullError,
    "MANY": TooManyDevicesError,
}


class RedisBackend:
    """A `Backend` for any number of nodes. What it can tell other services is in `archive`.

    Args:
        location: where the cell lies.
        clock: the time of calls, the same at every node.
        rules: what the operator has set.
        follow: called with the engine's time now and then, for a clock to go by; seconds.
        lease: after how long without a word a node counts as dead; seconds.
    """

    sweep_interval = SWEEP_INTERVAL

    def __init__(
        self,
        location: Location,
        clock: Clock,
        rules: Rules,
        follow: Callable[[float], None] = lambda _now: None,
        lease: float = LEASE,
    ) -> None:
        self._clock = clock
        self._rules = rules
        self._link = Link(location)
        self.claims = RedisClaims(self._link)
        self._streams = LocalStreams()
        self.archive = RedisArchive(location, self._link)
        self._members = Membership(
            location,
            self._link,
            self._streams,
            clock=clock,
            follow=follow,
            lease=lease,
            window=rules.resume_window,
        )
        self._known = KnownCalls()
        self.live_calls, self.depths = self._members.live_calls, self._streams.depths
        self.figures = self._link.figures

    async def start(self, tell_health: Callable[[bool], None]) -> None:
        """See `Backend.start`.

        Raises:
            WrongBackendError: the engine is there, and cannot be used.
        """

        def tell(is_there: bool) -> None:  # noqa: FBT001 - a state
            self._members.tell(is_there=is_there)
            tell_health(is_there)

        await self._link.start(tell)
        try:
            await self._members.start()
        except ResponseError as error:  # such as a key or a command that is not allowed
            await self._link.close()
            raise WrongBackendError(str(error)) from error

    async def close(self) -> None:
        """See `Backend.close`."""
        await self.archive.close()
        await self._members.close()
        await self._link.close()

    # sessions

    async def attach(self, visit: Visit) -> Attached | Over:
        """See `Backend.attach`."""
        device, request, wake, issued_at = visit
        attempt = secrets.token_hex(ATTEMPT_BYTES)
        args = (
            key_of(device),
            attempt,
            request.hello.session_id,
            request.ack,
            secrets.token_urlsafe(SESSION_ID_BYTES),
            agent_to_bytes(request.hello),
            self._rules.limits.devices_per_user - 1,
            issued_at if isfinite(issued_at) else "",
        )
        try:
            reply = await self._run("attach", self._members.node, self._clock.now(), *args)
        except AnswerError as over:
            self._streams.fence(device)
            return over_of(over.rest[0])
        except BackendAwayError:
            self._members.abandon(device, attempt)
            raise
        return self._welcome(device, reply, wake)

    def _welcome(self, device: Device, reply: Reply, wake: Callable[[], None]) -> Attached:
        (session, fence, session_id, received, _top, acked), is_resumed, calls, unheard = reply
        stream = StreamId(device, int(session), int(fence))
        local = LocalStream(stream, int(received), int(acked), wake)
        self._streams.add(local)
        return Attached(
            stream,
            session_id.decode(),
            bool(is_resumed),
            local.received,
            local.acked,
            [call.decode() for call in calls],
            dict(ending_of(entry) for entry in unheard),
        )

    async def detach(self, stream: StreamId) -> Sequence[str]:
        """See `Backend.detach`."""
        self._streams.remove(stream)
        window = self._rules.resume_window
        now, key = self._clock.now(), key_of(stream.device)
        (calls,) = await self._run("detach", now, key, stream.fence, window)
        return [call.decode() for call in calls]

    async def settle(self, moved: Moved) -> None:
        """See `Backend.settle`."""
        stream = moved.stream
        await self._run("settle", key_of(stream.device), stream.fence, int(moved.is_connected))

    async def revoke(self, device: Device) -> Over | None:
        """See `Backend.revoke`."""
        now, memory = self._clock.now(), self._rules.revocation_memory
        (over,) = await self._run("revoke", self._members.node, now, key_of(device), memory)
        self._streams.fence(device, why=RevokedError)
        return over_of(over) if over else None

    async def revoked_at(self, device: Device) -> float:
        """See `Backend.revoked_at`."""
        (revoked_at,) = await self._run("revoked", key_of(device))
        return float(revoked_at)

    async def end(self, over: Over) -> None:
        """See `Backend.end`."""
        forget_at = self._clock.now() + self._rules.ended_memory
        await self._run("end", key_of(over.device), over.session, forget_at)

    async def read(self, stream: StreamId, after: int) -> Sequence[Entry]:
        """See `Backend.read`."""
        local = self._streams.get(stream)
        if local is not None and (entries := local.peek(after)) is not None:
            return entries
        try:
            start, found = await self._run("read", key_of(stream.device), stream.fence, after)
        except BackendAwayError:
            if local is not None:
                local.is_waiting = True
            raise
        entries = [entry_from_bytes(start + n, data) for n, data in enumerate(found, 1)]
        if local is not None:
            local.learn(start + len(entries), stamp_of(found[-1]) if found else b"")
        return entries

    # steps

    async def apply(self, step: Step) -> Applied:
        """See `Backend.apply`."""
        view = View(step.call_id, self._known.get(step.call_id))
        if step.users or (step.call_id and step.call_id not in self._known):
            await self._look(view, step.users, ())
        while True:
            now = self._clock.now()
            try:
                outcome = step.decide(view.known.call, view, now)
            except UnseenError as unseen:
                await self._look_further(view, unseen)
                continue
            written = await self._write(view, outcome, now, step.sender, step.guard)
            if written is not None:
                return written

    async def relay(self, sender: Sender, request: pb.ConnectRequest) -> Applied | None:
        """See `Backend.relay`."""
        view = View(request.call_id, self._known.get(request.call_id))
        if view.known.call is None:
            await self._look(view, (), ())
        while (call := view.known.call) is not None:
            now = self._clock.now()
            outcome = forward(call, sender.stream.device, request, now, self._rules.limits)
            if outcome is None:
                return None
            written = await self._write(view, outcome, now, sender)
            if written is not None:
                return written
        return None

    async def _write(
        self,
        view: View,
        outcome: Outcome,
        now: float,
        sender: Sender | None,
        guard: StreamId | None = None,
    ) -> Applied | None:
        """Write an outcome, all of it; None if something has changed: the view is new then."""
        limits, mail = self._rules.limits, mail_of(outcome.deliveries)
        local = self._streams.get(sender.stream) if sender is not None else None
        try:
            version, held, is_whole, stamp, told = await self._run(
                "step",
                self._members.node,
                now,
                *sender_args(sender, local),
                *guard_args(guard),
                limits.unacked_messages,
                limits.unacked_bytes,
                *writes(view, outcome, mail, now),
            )
        except AnswerError as answer:
            if answer.verdict == "DONE":
                return self._was_written(view, outcome)
            view.take(list(view.users), list(view.others), answer.rest[0])
            self._known.remember(view.call_id, view.known)
            return None
        self._known.learn(view, Known(outcome.call, version, held), is_whole=bool(is_whole))
        if local is not None and sender is not None:
            local.stored(sender.seq, sender.ack)
        full = [device for (device, _), (_, _, is_full) in zip(mail, told, strict=True) if is_full]
        for (device, entry), (session, seq, _) in zip(mail, told, strict=True):
            if (there := self._streams.of(device)) is not None:
                there.feed(int(session), seq, stamp, entry._replace(seq=seq))
        return Applied(outcome, tuple(full), view.known.call)

    def _was_written(self, view: View, outcome: Outcome) -> Applied:
        """The reply was lost, and with it which seqs there are: streams have to ask."""
        self._known.forget(view.call_id)
        for delivery in outcome.deliveries:
            if (there := self._streams.of(delivery.device)) is not None:
                there.doubt()
        return Applied(outcome, (), view.known.call)

    async def _look(self, view: View, users: Sequence[str], others: Sequence[str]) -> None:
        (seen,) = await self._run("look", view.call_id, len(users), *users, len(others), *others)
        view.take(users, others, seen)
        self._known.remember(view.call_id, view.known)

    async def _look_further(self, view: View, unseen: UnseenError) -> None:
        """See what is known, and what turned out to be missing."""
        users = [*view.users, *([unseen.user] if unseen.user is not None else [])]
        others = [*view.others, *([unseen.call] if unseen.call is not None else [])]
        await self._look(view, users, others)

    async def take(self, bucket: str, rate: Rate, credit: float = 0.0) -> float:
        """See `Backend.take`; a reply that was lost may have cost a token more."""
        (left,) = await self._run("take", bucket, rate.per_second, rate.burst, credit)
        return float(left)

    async def due(self) -> Due:
        """See `Backend.due`."""
        rules, may_bury = self._rules, int(self._members.may_bury)
        args = (rules.resume_window, may_bury, DUE_AT_ONCE, rules.events_kept, rules.traces_kept)
        calls, sessions, moved, next_at = await self._run("due", self._clock.now(), *args)
        return Due(
            [call.decode() for call in calls],
            [over_of(each) for each in sessions],
            float(next_at) if next_at else None,
            [moved_of(each) for each in moved],
        )

    async def _run(self, name: str, *args: Argument) -> Reply:
        """Run a script.

        Raises:
            AnswerError: it answers something that is neither OK nor a refusal of a backend.
        """
        try:
            return await self._link.run(name, *args)
        except AnswerError as answer:
            if refusal := _REFUSALS.get(answer.verdict):
                raise refusal from None
            raise
