"""Steps that need no call machine: a bare ack, a refusal, and the answer that a refusal gets."""

from signaling.v1 import signaling_pb2 as pb

from signaling_service.backends.base import Decide, Sender
from signaling_service.core.errors import RefusedError
from signaling_service.core.model import Call, Delivery, Directory, Event, Outcome
from signaling_service.core.requests import check
from signaling_service.core.rules import Limits


def keep(call: Call | None, _directory: Directory, _now: float) -> Outcome:
    """Change nothing: the step of a bare ack."""
    return Outcome(call)


def wrong_with(request: pb.ConnectRequest, kind: str | None, limits: Limits) -> RefusedError | None:
    """What is wrong with the form of a request, if anything is."""
    try:
        check(request, kind, limits)
    except RefusedError as refusal:
        return refusal
    return None


def refuse(refusal: RefusedError) -> Decide:
    """Refuse whatever the call is like."""

    def decide(call: Call | None, _directory: Directory, _now: float) -> Outcome:
        return Outcome(call, refusal=refusal)

    return decide


def users_of(event: Event) -> tuple[str, ...]:
    """The users that a request's step looks up."""
    if event.device is None or event.kind not in ("offer", "answer"):
        return ()
    return event.device.user_id, event.request.offer.recipient_user_id


def answered(decide: Decide, sender: Sender, call_id: str) -> Decide:
    """`decide`, and a refusal into the mailbox of the sender."""

    def decide_and_answer(call: Call | None, directory: Directory, now: float) -> Outcome:
        outcome = decide(call, directory, now)
        if outcome.refusal is None:
            return outcome
        error = error_of(outcome.refusal, sender.seq, call_id)
        delivery = Delivery(sender.stream.device, error)
        return outcome._replace(deliveries=(*outcome.deliveries, delivery))

    return decide_and_answer


def error_of(refusal: RefusedError, in_reply_to: int, call_id: str) -> pb.ConnectResponse:
    """A refusal, as the device gets it."""
    return pb.ConnectResponse(call_id=call_id, error=refusal.message(in_reply_to))
