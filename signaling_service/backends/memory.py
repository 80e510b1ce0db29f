"""The embedded backend: one node, all in this process. Nothing waits, so every step is atomic."""

import secrets
from collections.abc import Callable, Mapping, Sequence

from signaling.v1 import signaling_pb2 as pb

from signaling_service.backends.archive import Archive
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
from signaling_service.backends.claims import MemoryClaims
from signaling_service.backends.memory_archive import MemoryArchive
from signaling_service.backends.memory_log import EventLog, Revocations, Traces
from signaling_service.backends.records import Departed, Records, Session, UserRecord
from signaling_service.backends.reminders import Key, Reminders
from signaling_service.clock import Clock
from signaling_service.core.buckets import Buckets, Rate
from signaling_service.core.errors import (
    FencedError,
    MailboxFullError,
    RevokedError,
    TooManyDevicesError,
)
from signaling_service.core.mailbox import ERRORS, Entry
from signaling_service.core.model import Call, Delivery, Device, Outcome
from signaling_service.core.news import MICROS, presence_news
from signaling_service.core.relaying import forward
from signaling_service.core.requests import kind_of
from signaling_service.core.rules import Rules


class MemoryBackend:
    """A `Backend` for a single node; what it holds ends with the process.

    What it can tell other services is in `archive`.
    """

    def __init__(self, clock: Clock, rules: Rules) -> None:
        self._clock = clock
        self._rules = rules
        self._records = Records()
        self.live_calls, self.depths = self._records.live_calls, self._records.depths
        self._departed: dict[Device, Departed] = {}
        self._buckets: Buckets[str] = Buckets()
        self._fences = 0
        self._reminders = Reminders(self._holds)
        self._log = EventLog(rules.events_kept)
        self._traces = Traces(rules.traces_kept)
        self._revocations = Revocations(rules.revocation_memory)
        self._stamp = 0  # of the last step
        self.archive: Archive = MemoryArchive(clock, self._records, self._log, self._traces)
        self.claims = MemoryClaims(clock)

    def held(self) -> Mapping[str, int]:
        """How many calls, users and departed devices there are; for any thread."""
        return {
            "calls": len(self._records.calls),
            "users": len(self._records.users),
            "departed": len(self._departed),
        }

    # the backend

    sweep_interval = None  # nobody else keeps deadlines

    async def start(self, _tell_health: Callable[[bool], None]) -> None:
        """See `Backend.start`: it is always there."""

    async def close(self) -> None:
        """See `Backend.close`."""

    async def attach(self, visit: Visit) -> Attached | Over:
        """See `Backend.attach`."""
        device, request, wake, issued_at = visit
        if issued_at < self._revocations.revoked_at(device):
            raise RevokedError
        hello, user = request.hello, self._records.users.setdefault(device.user_id, UserRecord())
        session = user.sessions.get(device.device_id)
        self._check_room(user, device)
        is_resumed = session is not None and _may_resume(session, request)
        self._fences += 1
        if session is None:
            departed = self._departed.pop(device, None)
            session = Session(self._fences, hello, departed.unheard if departed else {})
            user.sessions[device.device_id] = session
        elif not is_resumed:
            return self._void(device, session)
        else:
            acked = session.mailbox.ack(request.ack)
            self._traces.acked(device, acked, int(self._clock.now() * MICROS))
        previous, session.wake = session.wake, wake
        session.fence = self._fences
        if not session.is_connected:
            self._announce(device, is_connected=True)
        session.is_connected = True
        session.attached_at = self._clock.now()
        if previous is not None:
            previous()
        return Attached(
            StreamId(device, session.session, session.fence),
            session.session_id,
            is_resumed,
            session.received,
            session.mailbox.acked,
            user.calls_of(device.device_id),
            session.unheard,
        )

    async def detach(self, stream: StreamId) -> Sequence[str]:
        """See `Backend.detach`."""
        try:
            session = self._session(stream)
        except FencedError:
            return ()
        session.is_connected = False
        session.wake = None
        self._announce(stream.device, is_connected=False)
        session.expires_at = self._clock.now() + self._rules.resume_window
        self._reminders.add(session.expires_at, stream.device)
        return self._records.users[stream.device.user_id].calls_of(stream.device.device_id)

    async def settle(self, _moved: Moved) -> None:
        """See `Backend.settle`: a node that dies takes its calls with it."""

    async def revoke(self, device: Device) -> Over | None:
        """See `Backend.revoke`."""
        self._revocations.revoke(device, self._clock.now(), self._fences)
        session = self._records.user(device.user_id).sessions.get(device.device_id)
        return None if session is None else self._void(device, session)

    async def revoked_at(self, device: Device) -> float:
        """See `Backend.revoked_at`."""
        return self._revocations.revoked_at(device)

    async def end(self, over: Over) -> None:
        """See `Backend.end`."""
        device = over.device
        sessions = self._records.user(device.user_id).sessions
        session = sessions.get(device.device_id)
        if session is None or session.session != over.session:
            return  # somebody else has ended it
        del sessions[device.device_id]
        self._traces.dropped(device, session.mailbox.after(0))
        self._records.drop_if_empty(device.user_id)
        unheard = dict(session.mailbox.endings())
        if not session.is_confirmed:
            unheard = {**session.unheard, **unheard}
        if unheard:
            forget_at = self._clock.now() + self._rules.ended_memory
            self._departed[device] = Departed(unheard, forget_at)
            self._reminders.add(forget_at, device)

    async def apply(self, step: Step) -> Applied:
        """See `Backend.apply`."""
        now = self._clock.now()
        micros = int(now * MICROS)
        if step.guard is not None:
            self._session(step.guard)
        session = self._admit(step.sender, micros) if step.sender is not None else None
        before = self._records.calls.get(step.call_id)
        outcome = step.decide(before, self._records, now)
        if outcome.call is not before:
            self._store(step.call_id, before, outcome.call)
        if session is not None and step.sender is not None:
            session.received = max(session.received, step.sender.seq)
            if step.call_id:
                session.active_at = now
        stamp = self._stamp_of(step.call_id, outcome, now, micros)
        if outcome.news:
            self._log.append(outcome.news, now)
        return Applied(outcome, self._deliver(outcome.deliveries, stamp), before)

    async def relay(self, sender: Sender, request: pb.ConnectRequest) -> Applied | None:
        """See `Backend.relay`."""
        call, now = self._records.calls.get(request.call_id), self._clock.now()
        if call is None:
            return None
        outcome = forward(call, sender.stream.device, request, now, self._rules.limits)
        if outcome is None or outcome.call is None:
            return None
        micros = int(now * MICROS)
        session = self._admit(sender, micros)
        self._records.calls[request.call_id] = outcome.call
        session.received = max(session.received, sender.seq)
        session.active_at = now
        stamp = self._stamp_of(request.call_id, outcome, now, micros)
        return Applied(outcome, self._deliver(outcome.deliveries, stamp))

    async def read(self, stream: StreamId, after: int) -> Sequence[Entry]:
        """See `Backend.read`."""
        return self._session(stream).mailbox.after(after)

    async def take(self, bucket: str, rate: Rate, credit: float = 0.0) -> float:
        """See `Backend.take`."""
        return self._buckets.take(bucket, rate, self._clock.now(), credit)

    async def due(self) -> Due:
        """See `Backend.due`."""
        now = self._clock.now()
        calls: list[str] = []
        sessions: list[Over] = []
        for key in self._reminders.take(now):
            if isinstance(key, str):
                if key in self._records.calls and self._records.calls[key].deadline <= now:
                    calls.append(key)
            else:
                sessions += self._expired(key, now)
        return Due(calls, sessions, self._reminders.next_at)

    def _session(self, stream: StreamId) -> Session:
        """The session of a stream that counts."""
        user = self._records.users.get(stream.device.user_id)
        session = user.sessions.get(stream.device.device_id) if user else None
        if session is None or session.fence != stream.fence or session.is_over:
            is_revoked = self._revocations.ended(stream.device, stream.fence)
            raise RevokedError if is_revoked else FencedError
        return session

    def _stamp_of(self, call_id: str, outcome: Outcome, now: float, micros: int) -> int:
        """The stamp of a step, under which the call's trace keeps it."""
        self._stamp = stamp = micros if micros > self._stamp else self._stamp + 1
        if outcome.traced:
            self._traces.took(call_id, stamp, outcome.traced, now)
        return stamp

    def _announce(self, device: Device, *, is_connected: bool) -> None:
        """Tell other services that a device has a stream, or has none any more."""
        now = self._clock.now()
        self._log.append([presence_news(device, now, is_connected=is_connected)], now)

    def _admit(self, sender: Sender, micros: int) -> Session:
        """The session of a sender whose request may be processed, its ack applied."""
        session = self._session(sender.stream)
        if sender.ack > session.mailbox.acked:
            self._traces.acked(sender.stream.device, session.mailbox.ack(sender.ack), micros)
        if sender.seq and session.mailbox.is_over(ERRORS, self._rules.limits):
            raise MailboxFullError
        return session

    def _check_room(self, user: UserRecord, device: Device) -> None:
        others = sum(
            session.is_connected
            for device_id, session in user.sessions.items()
            if device_id != device.device_id
        )
        if others >= self._rules.limits.devices_per_user:
            raise TooManyDevicesError

    def _void(self, device: Device, session: Session) -> Over:
        """Let a session be over: from now on its stream counts no more."""
        session.is_over = True
        if session.is_connected:
            self._announce(device, is_connected=False)
        session.is_connected = False
        if session.wake is not None:
            session.wake()
            session.wake = None
        calls = self._records.users[device.user_id].calls_of(device.device_id)
        return Over(device, session.session, calls)

    def _expired(self, device: Device, now: float) -> list[Over]:
        departed = self._departed.get(device)
        if departed is not None and departed.forget_at <= now:
            del self._departed[device]
        session = self._records.user(device.user_id).sessions.get(device.device_id)
        if session is None or session.is_connected or session.is_over:
            return []
        if session.expires_at > now:
            return []
        return [self._void(device, session)]

    def _deliver(self, deliveries: Sequence[Delivery], stamp: int) -> tuple[Device, ...]:
        full: list[Device] = []
        response, kind, body = None, "", b""
        for delivery in deliveries:
            if delivery.response is not response:  # the same for several devices: serialized once
                response = delivery.response
                kind = kind_of(response) or ""
                body = response.SerializeToString()
            device = delivery.device
            session = self._records.users[device.user_id].sessions[device.device_id]
            bucket = ERRORS if kind == "error" else response.call_id
            session.mailbox.append(bucket, kind, body, delivery.ring_deadline, stamp)
            if bucket != ERRORS and session.mailbox.is_over(bucket, self._rules.limits):
                full.append(device)
            if session.wake is not None:
                session.wake()
        return tuple(full)

    def _store(self, call_id: str, before: Call | None, after: Call | None) -> None:
        """Keep the call, its index and its deadline."""
        self._records.keep(call_id, before, after)
        if after is not None and (before is None or before.deadline != after.deadline):
            self._reminders.add(after.deadline, call_id)

    def _holds(self, when: float, key: Key) -> bool:
        if isinstance(key, str):
            return key in self._records.calls and self._records.calls[key].deadline == when
        departed = self._departed.get(key)
        if departed is not None and departed.forget_at == when:
            return True
        session = self._records.user(key.user_id).sessions.get(key.device_id)
        return session is not None and session.expires_at == when and not session.is_connected


def _may_resume(session: Session, request: pb.ConnectRequest) -> bool:
    hello = request.hello
    return (
        not session.is_over
        and secrets.compare_digest(hello.session_id.encode(), session.session_id.encode())
        and request.ack <= session.mailbox.top
    )
