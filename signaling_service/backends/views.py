"""What a step sees of a shared engine, and what its outcome asks the engine to write.

A step decides on what its node has seen, and is written only if that is still so. What
it looks up and nobody has fetched yet is asked for, and the step decides again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

from signaling.v1 import signaling_pb2 as pb

from signaling_service.backends.base import Moved, Over, StreamId
from signaling_service.backends.stored import (
    call_from_bytes,
    call_to_bytes,
    entry_from_bytes,
    entry_to_bytes,
    held_from_bytes,
    held_to_bytes,
)
from signaling_service.backends.traces import TRACE_MEMORY, record_of
from signaling_service.core.mailbox import ERRORS, Entry
from signaling_service.core.model import LIVE_STATES, Call, Delivery, Device, Outcome, Relay, State
from signaling_service.core.news import event_of
from signaling_service.core.requests import kind_of
from signaling_service.core.rules import MAX_CALL_AGE

Argument = bytes | str | float

_NONE: Final = b"0"  # the version of what is not there


class UnseenError(Exception):
    """The step looks up a user or a call that was not fetched."""

    def __init__(self, user: str | None = None, call: str | None = None) -> None:
        super().__init__("not fetched")
        self.user = user
        self.call = call


class Known(NamedTuple):
    """A call as it was last seen."""

    call: Call | None
    version: bytes = _NONE
    held: bytes = _NONE  # how many messages of candidates were ever held


class SeenSession(NamedTuple):
    """A session of a user: see `core.model.Presence`."""

    session: int
    is_connected: bool
    attached_at: float
    active_at: float


class SeenUser(NamedTuple):
    """A user: see `core.model.User`."""

    version: bytes
    sessions: Mapping[str, SeenSession]
    placed: Mapping[str, str]
    received: Mapping[str, str]


class View:
    """The directory of one step."""

    def __init__(self, call_id: str, known: Known) -> None:
        self.call_id = call_id
        self.known = known
        self.users: dict[str, SeenUser] = {}
        self.others: dict[str, Known] = {}

    def user(self, user_id: str) -> SeenUser:
        """See `core.model.Directory`."""
        if user_id not in self.users:
            raise UnseenError(user=user_id)
        return self.users[user_id]

    def call(self, call_id: str) -> Call:
        """See `core.model.Directory`."""
        if call_id not in self.others:
            raise UnseenError(call=call_id)
        found = self.others[call_id].call
        if found is None:
            raise AssertionError("a user's record names live calls alone")
        return found

    def take(self, users: Sequence[str], others: Sequence[str], seen: Sequence[Any]) -> None:
        """Look at what a script has found: the call, these users, and these other calls."""
        own, found_users, found_others = seen
        self.known = known_call(self.call_id, own)
        self.users = {user: _user(found) for user, found in zip(users, found_users, strict=True)}
        self.others = {
            call: known_call(call, found) for call, found in zip(others, found_others, strict=True)
        }


def key_of(device: Device) -> str:
    """The device in keys: an id has no space."""
    return f"{device.user_id} {device.device_id}"


def device_of(key: bytes) -> Device:
    """The device that `key_of` names."""
    user_id, _, device_id = key.decode().partition(" ")
    return Device(user_id, device_id)


def known_call(call_id: str, found: Sequence[Any]) -> Known:
    """A call as a script finds it; nothing, if there is none."""
    if not found:
        return Known(None)
    fields, held = _pairs(found[0]), found[1]
    counts = {device_of(key[2:]): int(n) for key, n in fields.items() if key.startswith(b"n ")}
    relay = Relay(counts, tuple(held_from_bytes(each) for each in held))
    call = call_from_bytes(call_id, fields[b"b"], relay)
    return Known(call, fields[b"v"], fields.get(b"h", _NONE))


def with_counts_of(known: Known, other: Known) -> Known:
    """A call that two steps at once have relayed for: each side's count is the higher one."""
    if known.call is None or other.call is None:
        return Known(None)
    counts = dict(known.call.relay.counts)
    for device, count in other.call.relay.counts.items():
        counts[device] = max(count, counts.get(device, 0))
    relay = known.call.relay._replace(counts=counts)
    return known._replace(call=known.call.with_relay(relay))


def mail_of(deliveries: Sequence[Delivery]) -> list[tuple[Device, Entry]]:
    """What goes into mailboxes; seqs are yet to come."""
    mail = []
    response, entry = None, Entry(0, ERRORS, "", b"", None)
    for delivery in deliveries:
        if delivery.response is not response:  # the same for several devices: serialized once
            response = delivery.response
            kind, body = kind_of(response) or "", response.SerializeToString()
            bucket = ERRORS if kind == "error" else response.call_id
            entry = Entry(0, bucket, kind, body, delivery.ring_deadline)
        mail.append((delivery.device, entry))
    return mail


def writes(
    view: View, outcome: Outcome, mail: Sequence[tuple[Device, Entry]], now: float
) -> list[Argument]:
    """What `step.lua` checks of a view, and writes for an outcome: its last arguments."""
    known = view.known
    before, after = known.call, outcome.call
    is_put = after is not None and (before is None or not _differ_in_relay_alone(before, after))
    return [
        view.call_id,
        known.version,
        known.held,
        int(is_put),
        *_counted((user, seen.version) for user, seen in view.users.items()),
        *_counted((call, seen.version) for call, seen in view.others.items()),
        *_counted(_counts(before, after)),
        *_record(before, after, is_put=is_put),
        *_held(before, after),
        *_counted(_index(before, after)),
        *_counted(_letter(*each) for each in mail),
        *_told(before, outcome, now),
    ]


def _told(before: Call | None, outcome: Outcome, now: float) -> list[Argument]:
    """What other services hear of a step, or may ask for: of most messages nothing."""
    after = outcome.call
    if after is not None and before is not None and not outcome.traced:
        return [0]
    return [
        1,
        *_counted(_lists(before, after)),
        _traced_until(before, after, now),
        len(outcome.traced),
        *map(record_of, outcome.traced),
        len(outcome.news),
        *(event_of(news).SerializeToString() for news in outcome.news),
    ]


def _lists(before: Call | None, after: Call | None) -> Iterator[tuple[Argument, ...]]:
    """The lists of calls that one comes into, or leaves."""
    if (before is None) is (after is None):
        return
    call = after or before
    if call is not None:
        began_at = "" if after is None else call.created_at
        yield "calls", began_at
        for user_id in {call.caller.device.user_id, call.callee_user_id}:
            yield f"i:{user_id}", began_at


def _traced_until(before: Call | None, after: Call | None, now: float) -> Argument:
    """Until when the trace of a call is kept, if that is new."""
    if after is None or (before is not None and before.ended is after.ended):
        return ""
    return now + TRACE_MEMORY + (MAX_CALL_AGE if after.ended is None else 0.0)


def _letter(device: Device, entry: Entry) -> tuple[Argument, ...]:
    """Device, bucket, bytes that count, and what is stored."""
    return key_of(device), entry.bucket, len(entry.body), entry_to_bytes(entry)


def states_of(found: Sequence[bytes]) -> dict[State, int]:
    """How many calls are in each live state, as a script tells of it."""
    counted = _pairs(found)
    return {state: int(counted.get(str(int(state)).encode(), 0)) for state in LIVE_STATES}


def over_of(found: Sequence[Any]) -> Over:
    """A session that is over, as a script tells of it."""
    device, session, calls = found
    return Over(device_of(device), int(session), [call.decode() for call in calls])


def moved_of(found: Sequence[Any]) -> Moved:
    """A stream that was lost or is back, as a script tells of it."""
    device, session, fence, is_connected, calls = found
    stream = StreamId(device_of(device), int(session), int(fence))
    return Moved(stream, bool(is_connected), [call.decode() for call in calls])


def ending_of(data: bytes) -> tuple[str, pb.CallEnded]:
    """The call that an entry says has ended, and how."""
    response = pb.ConnectResponse.FromString(entry_from_bytes(0, data).body)
    return response.call_id, response.ended


def _counted(rows: Iterable[Sequence[Argument]]) -> list[Argument]:
    """Rows as arguments, behind their number."""
    listed = list(rows)
    return [len(listed), *chain.from_iterable(listed)]


def _differ_in_relay_alone(before: Call, after: Call) -> bool:
    """Whether relaying is all that has changed: then a step conflicts with few others."""
    return all(old is new for old, new in zip(before[:-1], after[:-1], strict=True))


def _record(before: Call | None, after: Call | None, *, is_put: bool) -> list[Argument]:
    if after is not None:
        if not is_put:
            return ["keep"]
        live = "" if after.state is State.ENDED else int(after.state)
        return ["put", call_to_bytes(after), after.deadline, live]
    return ["keep" if before is None else "forget"]


def _counts(before: Call | None, after: Call | None) -> Iterator[tuple[Argument, ...]]:
    """How many candidates each side has sent, where that has changed."""
    if after is None or before is after:
        return
    old = before.relay.counts if before else {}
    for device in {**old, **after.relay.counts}:
        was, is_now = old.get(device, ""), after.relay.counts.get(device, "")
        if was != is_now:
            yield key_of(device), was, is_now


def _held(before: Call | None, after: Call | None) -> list[Argument]:
    """Candidates that wait: some more, or others than before."""
    old, new = (call.relay.held if call else () for call in (before, after))
    is_longer = all(a is b for a, b in zip(old, new, strict=False)) and len(new) >= len(old)
    more = new[len(old) :] if is_longer else new
    return ["more" if is_longer else "anew", len(more), *(held_to_bytes(each) for each in more)]


def _index(before: Call | None, after: Call | None) -> Iterator[tuple[Argument, ...]]:
    """Where both users' records of live calls change."""
    old, new = _entries(before), _entries(after)
    for key in {**old, **new}:
        if old.get(key) != new.get(key):
            yield *key, int(key in new), new.get(key, "")


def _entries(call: Call | None) -> dict[tuple[str, str], str]:
    """By user and field, what the records of its users say of a call."""
    if call is None or call.state is State.ENDED:
        return {}
    caller = call.caller.device
    entries = {(caller.user_id, f"p {call.call_id}"): caller.device_id}
    if not call.is_barred:
        answered_by = call.callee.device.device_id if call.callee else ""
        entries[call.callee_user_id, f"r {call.call_id}"] = answered_by
    return entries


def _pairs(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _user(found: Sequence[Any]) -> SeenUser:
    version, sessions, calls = found
    return SeenUser(
        version,
        {name.decode(): _session(*fields) for name, fields in sessions},
        {call.decode(): who.decode() for kind, call, who in calls if kind == b"p"},
        {call.decode(): who.decode() for kind, call, who in calls if kind == b"r"},
    )


def _session(session: bytes, node: bytes | None, at: bytes, active: bytes) -> SeenSession:
    return SeenSession(int(session), node is not None, float(at), float(active))
