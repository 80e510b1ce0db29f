"""Our spans, as OpenTelemetry has them: what they are called, and what they say.

They name users, devices and calls. What devices say to each other is not in them: no
description, candidate, text or metadata, and no session id.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.errors import RefusedError
from signaling_service.core.model import Call, Device
from signaling_service.tracing.context import Place, of_call, parse

# what somebody has to look into; all other refusals are the client's own
FAULTS: Final = (pb.ERROR_CODE_UNAVAILABLE, pb.ERROR_CODE_INTERNAL)
FAULTY_STATUSES: Final = ("UNAVAILABLE", "INTERNAL", "UNKNOWN")

_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_UNSET: Final = Status(StatusCode.UNSET)
_FAILED: Final = Status(StatusCode.ERROR)

Attributes = dict[str, str | int | float]


class Spans:
    """Makes spans of one node."""

    def __init__(self) -> None:
        ours = Resource({"service.name": "signaling-service"})  # unless OTEL_SERVICE_NAME says
        self._node: Mapping[str, Any] = {
            "resource": ours.merge(OTELResourceDetector().detect()),
            "instrumentation_scope": InstrumentationScope("signaling_service"),
        }

    def served(
        self, name: str, attributes: Attributes, outcome: object, **place: Any
    ) -> ReadableSpan:
        """What was served: a message or an RPC.

        `outcome` is a refusal or an exception, or else it went well; `place` is what
        else a span has: its context, parent, links and times.
        """
        told, status = _outcome(outcome)
        return ReadableSpan(
            name,
            attributes={**attributes, **told},
            kind=SpanKind.SERVER,
            status=status,
            **place,
            **self._node,
        )

    def call(self, call: Call, now: float) -> ReadableSpan:
        """A whole call, from its first offer to its end. It links to the offer's span."""
        offer = parse(call.traceparent)
        return ReadableSpan(
            "call",
            context(of_call(call.call_id)),
            attributes=_of_call(call),
            events=list(_events(call)),
            links=[] if offer is None else [Link(context(offer))],
            start_time=nanoseconds(call.created_at),
            end_time=nanoseconds(call.times.ended_at or now),
            **self._node,
        )


def context(place: Place) -> SpanContext:
    """A place, as OpenTelemetry has it."""
    flags = _SAMPLED if place.is_sampled else TraceFlags.get_default()
    return SpanContext(place.trace_id, place.span_id, is_remote=True, trace_flags=flags)


def nanoseconds(seconds: float) -> int:
    """A point in time, as OpenTelemetry has it."""
    return round(seconds * 1_000_000_000)


def _outcome(outcome: object) -> tuple[Attributes, Status]:
    if isinstance(outcome, RefusedError):
        code = pb.ErrorCode.Name(outcome.code).removeprefix("ERROR_CODE_")
        return {"signaling.outcome": code}, _FAILED if outcome.code in FAULTS else _UNSET
    how = getattr(outcome, "how", None)  # the status that an RPC ends with
    if how is not None:
        name = str(how.code.name)
        return {"signaling.outcome": name}, _FAILED if name in FAULTY_STATUSES else _UNSET
    if isinstance(outcome, BaseException):
        return {"signaling.outcome": "FAILED", "error.type": type(outcome).__name__}, _FAILED
    return {"signaling.outcome": "OK"}, _UNSET


def _of_call(call: Call) -> Attributes:
    found: Attributes = {"signaling.call_id": call.call_id}
    found.update(_of_side("caller", call.caller.device))
    if call.callee is None:
        found["signaling.callee.user_id"] = call.callee_user_id
    else:
        found.update(_of_side("callee", call.callee.device))
    if call.ended is not None:
        reason = pb.EndReason.Name(call.ended.reason).removeprefix("END_REASON_")
        found["signaling.reason"] = reason
    return found


def _of_side(side: str, device: Device) -> Attributes:
    return {
        f"signaling.{side}.user_id": device.user_id,
        f"signaling.{side}.device_id": device.device_id,
    }


def _events(call: Call) -> Iterator[Event]:
    times = call.times
    for name, when in (("answered", times.answered_at), ("connected", times.connected_at)):
        if when is not None:
            yield Event(name, timestamp=nanoseconds(when))
