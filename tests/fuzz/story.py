"""Any bytes as a story: people send requests, lose their streams and come back; time passes.

A step is three bytes, what happens, who is in it and how, and where it carries a request
of its own, the bytes of that. A story has an end however it goes: then time runs out.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from google.protobuf.message import DecodeError
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.call import handle
from signaling_service.core.errors import AckTooHighError, RefusedError
from signaling_service.core.mailbox import Mailbox
from signaling_service.core.model import Call, Device, Event, State, Verdict
from signaling_service.core.relaying import forward
from signaling_service.core.requests import check
from tests.core import events
from tests.core.factory import Here, Person
from tests.core.names import ALICE, ALICES_PHONE, MALLORY, PHONE, START, TABLET, sdp
from tests.core.service import RULES
from tests.fuzz.form import check_stored
from tests.fuzz.hearing import Hearing

DEVICES: Final = (ALICE, PHONE, TABLET, ALICES_PHONE, MALLORY)
CALL_IDS: Final = ("a", "b", "c")
# s; each side of what the machine's deadlines are
SPANS: Final = (0.0, 0.001, 1.0, 2.999, 3.0, 5.0, 29.0, 30.0, 60.0, 120.0, 600.0, 86_400.0)
UFRAGS: Final = ("", "one", "two", "three")
VERDICTS: Final = tuple(Verdict)
MAX_STEPS: Final = 48
LAST_DEADLINES: Final = 12  # of a call that is left alone; more would be a circle

Request = Callable[[Device, int], Event]


def _first_offer(device: Device, how: int) -> Event:
    to = DEVICES[how % 5]
    offer = events.offer_from(device, to.user_id, sdp=sdp(UFRAGS[how // 5 % 2])).request.offer
    match how // 10 % 5:
        case 1:
            offer.routing = pb.ROUTING_PRIMARY_DEVICE
        case 2:
            offer.recipient_device_id = to.device_id
        case 3:
            offer.offline_policy = pb.OFFLINE_POLICY_FAIL
        case 4:
            offer.ring_timeout.FromSeconds(how // 50 * 30 + 5)
    return events.request_from(device, offer=offer)


def _candidates(device: Device, how: int) -> Event:
    of = UFRAGS[how % 4]
    line = pb.IceCandidate(candidate="candidate:1", username_fragment=of)
    bare = pb.IceCandidate(candidate=f"candidate:2 ufrag {UFRAGS[how // 4 % 4]}")
    return events.candidates_from(device, *[line, bare] * (how // 16 + 1))


REQUESTS: Final[Mapping[str, Request]] = {
    "offer": _first_offer,
    "reoffer": lambda device, how: events.reoffer_from(device, sdp(UFRAGS[how % 4])),
    "answer": lambda device, how: events.answer_from(device, sdp(UFRAGS[how % 4]), how // 4 % 4),
    "candidates": _candidates,
    "ringing": lambda device, _: events.ringing_from(device),
    "reject": lambda device, how: events.reject_from(device, pb.RejectReason.ValueType(how % 6)),
    "hangup": lambda device, how: events.hangup_from(device, "bye" if how % 2 else None),
    "report": lambda device, how: events.reports(
        device, pb.PeerConnectionState.ValueType(how % 6 + 1)
    ),
    "app_message": lambda device, how: events.app_message_from(device, bytes(how * 16)),
}
CHANGES: Final = ("clock", "sweep", "ack", "connect", "resume", "drop", "gone", "raw")
HAPPENINGS: Final = (*REQUESTS, *CHANGES)


def story(data: bytes) -> None:
    """Tell it, and check every step of it, and that it ends."""
    told = Story()
    rest = data
    for _ in range(MAX_STEPS):
        if len(rest) < 3:
            break
        rest = told.step(rest)
    told.end()


class Story:
    """Five devices, the calls among them, and what the service would store of both."""

    def __init__(self) -> None:
        self._now = START
        self._calls: dict[str, Call] = {}
        self._here = {device: Here() for device in DEVICES}
        self._sessions = dict.fromkeys(DEVICES, 1)
        self._mailboxes = {device: Mailbox() for device in DEVICES}
        self._hearing = Hearing()
        self._verdict = Verdict.ALLOWED  # of the policy, on the next first offer

    # a directory

    def user(self, user_id: str) -> Person:
        """See `Directory`."""
        person = Person()
        for device, here in self._here.items():
            if device.user_id == user_id:
                person.sessions[device.device_id] = here
        for call in self._calls.values():
            if call.state is not State.ENDED:
                if call.caller.device.user_id == user_id:
                    person.placed[call.call_id] = call.caller.device.device_id
                if call.callee_user_id == user_id and not call.is_barred:
                    answered_by = call.callee.device.device_id if call.callee else ""
                    person.received[call.call_id] = answered_by
        return person

    def call(self, call_id: str) -> Call:
        """See `Directory`."""
        return self._calls[call_id]

    # steps

    def step(self, data: bytes) -> bytes:
        """Let one thing happen; returns the bytes behind it."""
        happening = HAPPENINGS[data[0] % len(HAPPENINGS)]
        device = DEVICES[data[1] % len(DEVICES)]
        call_id = CALL_IDS[data[1] // len(DEVICES) % len(CALL_IDS)]
        how, rest = data[2], data[3:]
        if happening == "raw":
            self._ask_raw(device, call_id, rest[:how])
            return rest[how:]
        if happening in REQUESTS:
            self._verdict = VERDICTS[how // 86]
            self._ask(device, call_id, REQUESTS[happening](device, how).request)
        else:
            getattr(self, f"_{happening}")(device, how)
        return rest

    def end(self) -> None:
        """Let every call come to its end, and be forgotten."""
        for call_id, call in list(self._calls.items()):
            check_stored(call)
            for _ in range(LAST_DEADLINES):
                if (left := self._calls.get(call_id)) is None:
                    break
                self._now = max(self._now, left.deadline)
                self._happen(call_id, events.CLOCK)
        assert not self._calls, "every call ends"

    def _ask_raw(self, device: Device, call_id: str, data: bytes) -> None:
        try:
            self._ask(device, call_id, pb.ConnectRequest.FromString(data))
        except DecodeError:
            return

    def _ask(self, device: Device, call_id: str, request: pb.ConnectRequest) -> None:
        """A device asks, if it has a stream and the form is right."""
        here, kind = self._here.get(device), request.WhichOneof("payload")
        if here is None or not here.is_connected or kind in ("hello", "refresh", None):
            return
        request.call_id = call_id
        try:
            check(request, kind, RULES.limits)
        except RefusedError:
            return
        self._here[device] = replace(here, active_at=self._now)
        self._happen(call_id, Event(kind, device, here.session, request, self._verdict))

    def _happen(self, call_id: str, event: Event) -> None:
        call = self._calls.get(call_id)
        outcome = handle(call, event, self, self._now, RULES)
        self._hearing.step(call, event, outcome, self._now)
        if call is not None and event.kind == "candidates" and event.device is not None:
            short = forward(call, event.device, event.request, self._now, RULES.limits)
            # candidates of an answered call are traced by what was delivered, not as steps
            same = (outcome, outcome._replace(traced=()))
            assert short is None or short in same, "the short way leads to the same place"
        if outcome.call is not None:
            self._calls[call_id] = outcome.call
        else:
            self._calls.pop(call_id, None)
        for each in outcome.deliveries:
            self._deliver(call_id, each.device, each.response)
        for device in {each.device for each in outcome.deliveries}:
            self._look_into(device, call_id)

    def _deliver(self, call_id: str, to: Device, response: pb.ConnectResponse) -> None:
        if to in self._here:  # else nobody is there to hear it
            kind = str(response.WhichOneof("payload"))
            body = response.SerializeToString()
            self._mailboxes[to].append(call_id, kind, body, None)

    def _look_into(self, device: Device, call_id: str) -> None:
        """What is there is in order; who leaves too much of it has stopped listening."""
        mailbox = self._mailboxes[device]
        seqs = [entry.seq for entry in mailbox.after(mailbox.acked)]
        assert seqs == list(range(mailbox.acked + 1, mailbox.top + 1))
        if mailbox.is_over(call_id, RULES.limits) and call_id in self._calls:
            self._happen(call_id, events.overflow(device))

    # what is no request

    def _clock(self, _device: Device, how: int) -> None:
        self._now += SPANS[how % len(SPANS)]

    def _sweep(self, _device: Device, how: int) -> None:
        self._happen(CALL_IDS[how % len(CALL_IDS)], events.CLOCK)

    def _ack(self, device: Device, how: int) -> None:
        mailbox = self._mailboxes[device]
        acked = mailbox.acked
        try:
            mailbox.ack(acked + how - 2)
        except AckTooHighError:
            assert (mailbox.acked, acked + how - 2 > mailbox.top) == (acked, True)

    def _connect(self, device: Device, how: int) -> None:
        self._gone(device, how)
        self._sessions[device] += 1
        self._mailboxes[device] = Mailbox()
        self._attach(device)

    def _resume(self, device: Device, how: int) -> None:
        if device in self._here:
            self._drop(device, how)
            self._attach(device)

    def _attach(self, device: Device) -> None:
        session = self._sessions[device]
        self._here[device] = Here(session, attached_at=self._now)
        self._tell_calls(events.attached(device, session))

    def _drop(self, device: Device, _how: int) -> None:
        here = self._here.get(device)
        if here is not None and here.is_connected:
            self._here[device] = replace(here, is_connected=False)
            self._tell_calls(events.detached(device, here.session))

    def _gone(self, device: Device, _how: int) -> None:
        if here := self._here.pop(device, None):
            self._tell_calls(events.gone(device, here.session))

    def _tell_calls(self, event: Event) -> None:
        for call_id in list(self._calls):
            self._happen(call_id, event)
