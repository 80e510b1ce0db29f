"""What devices hear of calls, and what must never be in it."""

from typing import Final

from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Call, Delivery, Device, Event, LegState, Outcome, State
from tests.core.observer import check_step

FORWARDED: Final = ("offer", "answer", "candidates", "connection_state", "app_message")


class Hearing:
    """Listens to all devices, and finds what they must not hear."""

    def __init__(self) -> None:
        self._is_over: dict[tuple[str, Device], bool] = {}  # for everybody who was told
        self._described: set[tuple[str, Device, Device]] = set()  # call, to, from
        self._winners: dict[str, Device] = {}

    def step(self, before: Call | None, event: Event, outcome: Outcome, now: float) -> None:
        """Check what a step says."""
        check_step(before, event, outcome, now)
        if before is not None and before.state is State.ENDED and before.deadline <= now:
            self._forget(before.call_id)  # first of all, so its id may name another call
            before = None
        call = outcome.call
        if call is None:
            assert (before, outcome.deliveries) == (None, ()), "nothing to speak of"
            return
        if before is None:
            self._is_over[call.call_id, call.caller.device] = False
        for each in outcome.deliveries:
            self._hear(call, event, each)
        self._forget_legs(before, call)
        _check_winner(call)

    def _hear(self, call: Call, event: Event, delivery: Delivery) -> None:
        to, response = delivery.device, delivery.response
        kind = str(response.WhichOneof("payload"))
        assert response.call_id == call.call_id
        assert to == call.caller.device or to.user_id == call.callee_user_id, "a stranger hears"
        assert not self._is_over.get((call.call_id, to)), "nothing comes after the end"
        self._is_over[call.call_id, to] = kind == "ended"
        if kind in FORWARDED:
            self._check_sender(call, event, delivery, kind)
        if kind == "progress" and response.progress.kind == pb.PROGRESS_KIND_WON:
            assert self._winners.setdefault(call.call_id, to) == to, "one winner"

    def _check_sender(self, call: Call, event: Event, delivery: Delivery, kind: str) -> None:
        to, sent_by = delivery.device, delivery.response.sender
        sender = Device(sent_by.user_id, sent_by.device_id)
        assert sender != to, "nobody hears their own"
        if kind == event.kind:
            assert sender == event.device, "the sender is who has sent it"
        else:
            assert sender == call.caller.device or sender in call.legs, "a party has sent it"
        if kind in ("offer", "answer"):
            self._described.add((call.call_id, to, sender))
        elif kind == "candidates":
            assert (call.call_id, to, sender) in self._described, "ahead of their description"

    def _forget_legs(self, before: Call | None, after: Call) -> None:
        """A device whose session is over may be rung anew."""
        if before is not None and len(before.legs) > len(after.legs):
            for device in before.legs.keys() - after.legs.keys():
                del self._is_over[before.call_id, device]

    def _forget(self, call_id: str) -> None:
        told = {device: over for (of, device), over in self._is_over.items() if of == call_id}
        assert all(told.values()), "everybody who was told hears the end"
        self._is_over = {key: over for key, over in self._is_over.items() if key[0] != call_id}
        self._winners.pop(call_id, None)
        self._described = {key for key in self._described if key[0] != call_id}


def _check_winner(call: Call) -> None:
    winners = [leg.device for leg in call.legs.values() if leg.state is LegState.WON]
    assert len(winners) <= 1, "one winner"
    assert call.callee is None or winners == [call.callee.device]
