"""The embedded backend: one node, all in this process. Nothing waits, so every step is atomic."""

import heapq
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Final

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
)
from signaling_service.backends.records import Departed, Session, UserRecord
from signaling_service.clock import Clock
from signaling_service.core.buckets import Buckets, Rate
from signaling_service.core.errors import FencedError, MailboxFullError, TooManyDevicesError
from signaling_service.core.mailbox import ERRORS, Entry
from signaling_service.core.model import Call, Delivery, Device, State
from signaling_service.core.relaying import forward
from signaling_service.core.rules import Rules

DUE_SLACK: Final = 1024  # reminders that no longer hold, before they are swept out


class MemoryBackend:
    """A `Backend` for a single node; what it holds ends with the process."""

    def __init__(self, clock: Clock, rules: Rules) -> None:
        self._clock = clock
        self._rules = rules
        self._calls: dict[str, Call] = {}
        self._users: dict[str, UserRecord] = {}
        self._departed: dict[Device, Departed] = {}
        self._buckets: Buckets[str] = Buckets()
        self._fences = 0
        # (when, call or device): an entry that no longer holds is passed over
        self._due: list[tuple[float, int, str | Device]] = []
        self._due_count = 0
        self._due_bound = DUE_SLACK

    # the directory of a step

    def user(self, user_id: str) -> UserRecord:
        """The user, an empty one if nobody knows the id."""
        return self._users.get(user_id) or UserRecord()

    def call(self, call_id: str) -> Call:
        """A live call."""
        return self._calls[call_id]

    def held(self) -> Mapping[str, int]:
        """How many calls, users and departed devices there are; for any thread."""
        return {
            "calls": len(self._calls),
            "users": len(self._users),
            "departed": len(self._departed),
        }

    # the backend

    sweep_interval = None  # nobody else keeps deadlines

    async def start(self, _tell_health: Callable[[bool], None]) -> None:
        """See `Backend.start`: it is always there."""

    async def close(self) -> None:
        """See `Backend.close`."""

    async def attach(
        self, device: Device, request: pb.ConnectRequest, wake: Callable[[], None]
    ) -> Attached | Over:
        """See `Backend.attach`."""
        hello, user = request.hello, self._users.setdefault(device.user_id, UserRecord())
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
            session.mailbox.ack(request.ack)
        previous, session.wake = session.wake, wake
        session.fence = self._fences
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
        session.expires_at = self._clock.now() + self._rules.resume_window
        self._remind(session.expires_at, stream.device)
        return self._users[stream.device.user_id].calls_of(stream.device.device_id)

    async def settle(self, _moved: Moved) -> None:
        """See `Backend.settle`: a node that dies takes its calls with it."""

    async def end(self, over: Over) -> None:
        """See `Backend.end`."""
        device = over.device
        sessions = self.user(device.user_id).sessions
        session = sessions.get(device.device_id)
        if session is None or session.session != over.session:
            return  # somebody else has ended it
        del sessions[device.device_id]
        self._drop_if_empty(device.user_id)
        unheard = dict(session.mailbox.endings())
        if not session.is_confirmed:
            unheard = {**session.unheard, **unheard}
        if unheard:
            forget_at = self._clock.now() + self._rules.ended_memory
            self._departed[device] = Departed(unheard, forget_at)
            self._remind(forget_at, device)

    async def apply(self, step: Step) -> Applied:
        """See `Backend.apply`."""
        now = self._clock.now()
        if step.guard is not None:
            self._session(step.guard)
        session = self._admit(step.sender) if step.sender is not None else None
        before = self._calls.get(step.call_id)
        outcome = step.decide(before, self, now)
        if outcome.call is not before:
            self._store(step.call_id, before, outcome.call)
        if session is not None and step.sender is not None:
            session.received = max(session.received, step.sender.seq)
            if step.call_id:
                session.active_at = now
        return Applied(outcome, self._deliver(outcome.deliveries), before)

    async def relay(self, sender: Sender, request: pb.ConnectRequest) -> Applied | None:
        """See `Backend.relay`."""
        call, now = self._calls.get(request.call_id), self._clock.now()
        if call is None:
            return None
        outcome = forward(call, sender.stream.device, request, now, self._rules.limits)
        if outcome is None or outcome.call is None:
            return None
        session = self._admit(sender)
        self._calls[request.call_id] = outcome.call
        session.received = max(session.received, sender.seq)
        session.active_at = now
        return Applied(outcome, self._deliver(outcome.deliveries))

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
        while self._due and self._due[0][0] <= now:
            key = heapq.heappop(self._due)[2]
            if isinstance(key, str):
                if key in self._calls and self._calls[key].deadline <= now:
                    calls.append(key)
            else:
                sessions += self._expired(key, now)
        return Due(calls, sessions, self._due[0][0] if self._due else None)

    def _session(self, stream: StreamId) -> Session:
        """The session of a stream that counts."""
        user = self._users.get(stream.device.user_id)
        session = user.sessions.get(stream.device.device_id) if user else None
        if session is None or session.fence != stream.fence or session.is_over:
            raise FencedError
        return session

    def _admit(self, sender: Sender) -> Session:
        """The session of a sender whose request may be processed, its ack applied."""
        session = self._session(sender.stream)
        session.mailbox.ack(sender.ack)
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
        session.is_connected = False
        if session.wake is not None:
            session.wake()
            session.wake = None
        calls = self._users[device.user_id].calls_of(device.device_id)
        return Over(device, session.session, calls)

    def _expired(self, device: Device, now: float) -> list[Over]:
        departed = self._departed.get(device)
        if departed is not None and departed.forget_at <= now:
            del self._departed[device]
        session = self.user(device.user_id).sessions.get(device.device_id)
        if session is None or session.is_connected or session.is_over:
            return []
        if session.expires_at > now:
            return []
        return [self._void(device, session)]

    def _deliver(self, deliveries: Sequence[Delivery]) -> tuple[Device, ...]:
        full: list[Device] = []
        response, kind, body = None, "", b""
        for delivery in deliveries:
            if delivery.response is not response:  # the same for several devices: serialized once
                response = delivery.response
                kind = response.WhichOneof("payload") or ""
                body = response.SerializeToString()
            device = delivery.device
            session = self._users[device.user_id].sessions[device.device_id]
            bucket = ERRORS if kind == "error" else response.call_id
            session.mailbox.append(bucket, kind, body, delivery.ring_deadline)
            if bucket != ERRORS and session.mailbox.is_over(bucket, self._rules.limits):
                full.append(device)
            if session.wake is not None:
                session.wake()
        return tuple(full)

    def _store(self, call_id: str, before: Call | None, after: Call | None) -> None:
        """Keep the call, its index and its deadline."""
        if after is None:
            self._unindex(self._calls.pop(call_id))
            return
        self._calls[call_id] = after
        if after.state is State.ENDED:
            self._unindex(after)
        elif before is None or before.state != after.state:
            self._index(after)
        if before is None or before.deadline != after.deadline:
            self._remind(after.deadline, call_id)

    def _unindex(self, call: Call) -> None:
        caller = call.caller.device
        self.user(caller.user_id).placed.pop(call.call_id, None)
        self.user(call.callee_user_id).received.pop(call.call_id, None)
        self._drop_if_empty(caller.user_id)
        self._drop_if_empty(call.callee_user_id)

    def _index(self, call: Call) -> None:
        """Keep the live calls of both users."""
        caller = call.caller.device
        self._users[caller.user_id].placed[call.call_id] = caller.device_id
        if not call.is_barred:
            answered_by = call.callee.device.device_id if call.callee else ""
            callee = self._users.setdefault(call.callee_user_id, UserRecord())
            callee.received[call.call_id] = answered_by

    def _drop_if_empty(self, user_id: str) -> None:
        if user_id in self._users and self._users[user_id].is_empty:
            del self._users[user_id]

    def _remind(self, when: float, key: str | Device) -> None:
        if len(self._due) >= self._due_bound:
            held = {(when, key): order for when, order, key in self._due if self._holds(when, key)}
            self._due = [(when, order, key) for (when, key), order in held.items()]
            heapq.heapify(self._due)
            self._due_bound = 2 * len(self._due) + DUE_SLACK
        self._due_count += 1  # the order of equal times; keys of two kinds don't compare
        heapq.heappush(self._due, (when, self._due_count, key))

    def _holds(self, when: float, key: str | Device) -> bool:
        if isinstance(key, str):
            return key in self._calls and self._calls[key].deadline == when
        departed = self._departed.get(key)
        if departed is not None and departed.forget_at == when:
            return True
        session = self.user(key.user_id).sessions.get(key.device_id)
        return session is not None and session.expires_at == when and not session.is_connected


def _may_resume(session: Session, request: pb.ConnectRequest) -> bool:
    hello = request.hello
    return (
        not session.is_over
        and secrets.compare_digest(hello.session_id.encode(), session.session_id.encode())
        and request.ack <= session.mailbox.top
    )
