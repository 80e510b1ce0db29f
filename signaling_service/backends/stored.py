"""Calls, candidates and mailbox entries as bytes: what nodes of two versions share.

A mailbox entry is a line of text, which scripts in the engine read, and the response
behind it: `stamp bucket kind ring_deadline`, each "" if there is none. The engine puts
the stamp there.
"""

from collections.abc import Mapping
from typing import Final

from signaling.internal.v1 import state_pb2 as state
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.mailbox import Entry
from signaling_service.core.model import (
    Call,
    Device,
    Held,
    Leg,
    LegState,
    Negotiation,
    Quality,
    Relay,
    Side,
    State,
    Times,
)

_LEG_STATES: Final[Mapping[LegState, state.LegState.ValueType]] = {
    each: state.LegState.Value(f"LEG_STATE_{each.name}") for each in LegState
}
_LEG_STATES_BACK: Final = {stored: each for each, stored in _LEG_STATES.items()}


def call_to_bytes(call: Call) -> bytes:
    """A call, but for its id and for what relaying changes."""
    stored = state.Call(
        state=pb.CallState.ValueType(call.state),
        created_at=call.created_at,
        caller=_side(call.caller),
        callee_user_id=call.callee_user_id,
        offer_digest=call.offer_digest,
        offer=call.offer,
        is_barred=call.is_barred,
        ring_deadline=call.ring_deadline,
        legs=[_leg(leg) for leg in call.legs.values()],
        callee=_side(call.callee) if call.callee else None,
        negotiation=_negotiation(call.negotiation),
        quality=_quality(call.quality),
        ended=call.ended,
        deadline=call.deadline,
        answered_at=call.times.answered_at,
        connected_at=call.times.connected_at,
        ended_at=call.times.ended_at,
        traceparent=call.traceparent,
    )
    return stored.SerializeToString()


def call_from_bytes(call_id: str, data: bytes, relay: Relay) -> Call:
    """The call that `call_to_bytes` wrote, with what relaying made of it since."""
    stored = state.Call.FromString(data)
    legs = [_leg_back(leg) for leg in stored.legs]
    return Call(
        call_id=call_id,
        state=State(stored.state),
        created_at=stored.created_at,
        caller=_side_back(stored.caller),
        callee_user_id=stored.callee_user_id,
        offer_digest=stored.offer_digest,
        offer=stored.offer if stored.HasField("offer") else None,
        is_barred=stored.is_barred,
        ring_deadline=stored.ring_deadline,
        legs={leg.device: leg for leg in legs},
        callee=_side_back(stored.callee) if stored.HasField("callee") else None,
        negotiation=_negotiation_back(stored.negotiation),
        quality=_quality_back(stored.quality),
        ended=stored.ended if stored.HasField("ended") else None,
        times=_times_back(stored),
        deadline=stored.deadline,
        traceparent=stored.traceparent,
        relay=relay,
    )


def held_to_bytes(held: Held) -> bytes:
    """Candidates that wait for the win."""
    stored = state.Held(
        sender=held.sender.message(), candidates=held.candidates, traceparent=held.traceparent
    )
    return stored.SerializeToString()


def held_from_bytes(data: bytes) -> Held:
    """What `held_to_bytes` wrote."""
    stored = state.Held.FromString(data)
    return Held(_device(stored.sender), stored.candidates, stored.traceparent)


def agent_to_bytes(hello: pb.Hello) -> bytes:
    """What an operator may want to know of a device."""
    return state.Agent(agent=hello.agent, labels=hello.labels).SerializeToString()


def entry_to_bytes(entry: Entry) -> bytes:
    """A message of a mailbox; its seq is its place there."""
    deadline = "" if entry.ring_deadline is None else repr(entry.ring_deadline)
    return f"{entry.bucket} {entry.kind} {deadline}\n".encode() + entry.body


def entry_from_bytes(seq: int, data: bytes) -> Entry:
    """What `entry_to_bytes` wrote, behind its stamp."""
    line, _, body = data.partition(b"\n")
    _stamp, bucket, kind, deadline = line.decode().split(" ")
    return Entry(seq, bucket, kind, body, float(deadline) if deadline else None)


def stamp_of(data: bytes) -> bytes:
    """When an entry came into its mailbox: the engine's name for it."""
    return data.partition(b" ")[0]


def _device(message: pb.Device) -> Device:
    return Device(message.user_id, message.device_id)


def _side(side: Side) -> state.Side:
    return state.Side(
        device=side.device.message(),
        session=side.session,
        is_away=side.is_away,
        generations=[state.Generation(ufrags=sorted(each)) for each in side.generations],
        disconnected_at=side.disconnected_at,
    )


def _side_back(stored: state.Side) -> Side:
    since = stored.disconnected_at if stored.HasField("disconnected_at") else None
    generations = tuple(frozenset(each.ufrags) for each in stored.generations)
    return Side(_device(stored.device), stored.session, stored.is_away, generations, since)


def _leg(leg: Leg) -> state.Leg:
    return state.Leg(
        device=leg.device.message(),
        session=leg.session,
        state=_LEG_STATES[leg.state],
        ended=leg.ended,
    )


def _leg_back(stored: state.Leg) -> Leg:
    ended = stored.ended if stored.HasField("ended") else None
    return Leg(_device(stored.device), stored.session, _LEG_STATES_BACK[stored.state], ended)


def _times_back(stored: state.Call) -> Times:
    return Times(
        stored.answered_at if stored.HasField("answered_at") else None,
        stored.connected_at if stored.HasField("connected_at") else None,
        stored.ended_at if stored.HasField("ended_at") else None,
    )


def _negotiation(negotiation: Negotiation) -> state.Negotiation:
    number, opened_by = negotiation
    return state.Negotiation(number=number, opened_by=opened_by.message() if opened_by else None)


def _negotiation_back(stored: state.Negotiation) -> Negotiation:
    opened_by = _device(stored.opened_by) if stored.HasField("opened_by") else None
    return Negotiation(stored.number, opened_by)


def _quality(quality: Quality) -> state.Quality:
    return state.Quality(
        was_connected=quality.was_connected,
        attempt=quality.attempt,
        attempt_after=quality.attempt_after,
        is_attempt_answered=quality.is_attempt_answered,
        deadline=quality.deadline,
        remaining=quality.remaining,
    )


def _quality_back(stored: state.Quality) -> Quality:
    return Quality(
        was_connected=stored.was_connected,
        attempt=stored.attempt,
        attempt_after=stored.attempt_after,
        is_attempt_answered=stored.is_attempt_answered,
        deadline=stored.deadline if stored.HasField("deadline") else None,
        remaining=stored.remaining if stored.HasField("remaining") else None,
    )
