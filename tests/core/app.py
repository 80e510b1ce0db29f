"""A device's app, as careful as the contract asks: it checks whatever it is told."""

from dataclasses import dataclass, field
from typing import Any

from signaling.v1 import signaling_pb2 as pb

from signaling_service.backends.base import StreamId
from signaling_service.connection import Connection
from signaling_service.core.mailbox import Entry
from signaling_service.core.model import Device

FORWARDED = ("offer", "answer", "candidates", "connection_state", "app_message")


@dataclass
class View:
    """What an app has been told of a call."""

    described: set[Device] = field(default_factory=set)  # who sent it an offer or answer
    negotiation: int = 0
    attempt: int = 0
    has_won: bool = False


@dataclass
class Parties:
    """Who may hear of a call."""

    caller: Device
    recipient: str
    winner: Device | None = None

    def has(self, device: Device) -> bool:
        """Whether `device` may hear of it."""
        return device == self.caller or device.user_id == self.recipient


class App:
    """An app on a device. `stream` is there while it is connected."""

    def __init__(self, device: Device, parties: dict[str, Parties]) -> None:
        self.device = device
        self.parties = parties
        self.stream: StreamId | None = None
        self.session_id: str | None = None
        self.seq = 0  # of its requests
        self.processed = 0  # the highest response seq
        self.calls: dict[str, View] = {}  # those that are live, as far as it knows
        self.ended: dict[str, pb.CallEnded] = {}
        # ends that it heard but the service can't know of: by seq, 0 for the welcome
        self.unconfirmed: dict[str, int] = {}
        self.truths: dict[str, pb.CallEnded] = {}  # what refusals said
        self.in_flight: list[pb.ConnectRequest] = []  # sent, and maybe lost
        self.refused: dict[int, pb.RequestError] = {}  # what the service refused, by seq
        self.errors: dict[int, pb.RequestError] = {}  # and what it told
        self.expected: list[str] = []  # tokens that were sent to it and accepted
        self.got: list[str] = []
        self.dropped_at = 0.0

    @property
    def is_connected(self) -> bool:
        """Whether it has a stream."""
        return self.stream is not None

    def hello(self, *, resume: bool) -> pb.ConnectRequest:
        """The first request of a stream."""
        if not resume:
            self.session_id = None
            return pb.ConnectRequest(hello=pb.Hello())
        hello = pb.Hello(session_id=self.session_id)
        return pb.ConnectRequest(ack=self.processed, hello=hello)

    def request(self, call_id: str, **payload: Any) -> pb.ConnectRequest:
        """The next request; acknowledges what was processed."""
        self.seq += 1
        return pb.ConnectRequest(seq=self.seq, ack=self.processed, call_id=call_id, **payload)

    def welcome(self, connection: Connection, *, may_forget: bool) -> None:
        """Go on after a resume, or start from what the welcome says."""
        assert connection.stream.device == self.device
        if connection.is_resumed:
            assert connection.session_id == self.session_id
            assert connection.acked == self.processed
            assert connection.calls == []
        else:
            self._start(connection, may_forget=may_forget)
        assert [entry.seq for entry in connection.backlog] == list(
            range(self.processed + 1, connection.last_seq + 1)
        )
        self.stream = connection.stream
        self.session_id = connection.session_id

    def process(self, entry: Entry) -> None:
        """Take the next message."""
        assert entry.seq == self.processed + 1, "no gap, nothing twice"
        self.processed = entry.seq
        response = pb.ConnectResponse.FromString(entry.body)
        kind = response.WhichOneof("payload") or ""
        if kind == "error":
            self._error(response.error)
            return
        parties = self.parties[response.call_id]
        assert parties.has(self.device), "who is no party gets nothing"
        assert response.call_id not in self.ended, "nothing after the end"
        assert response.HasField("sender") == (kind in FORWARDED)
        view = self.calls.setdefault(response.call_id, View())
        sender = Device(response.sender.user_id, response.sender.device_id)
        match kind:
            case "offer":
                self._offer(view, sender, response.offer)
            case "answer":
                view.described.add(sender)
                assert view.negotiation <= response.answer.negotiation
                self._token(sender, response.answer.sdp)
            case "candidates":
                assert sender in view.described, "no candidate before its description"
                for candidate in response.candidates.candidates:
                    self._token(sender, candidate.candidate)
            case "app_message":
                self._token(sender, response.app_message.body.decode())
            case "progress" if response.progress.kind == pb.PROGRESS_KIND_WON:
                assert parties.winner in (None, self.device), "one winner"
                assert not view.has_won
                parties.winner, view.has_won = self.device, True
            case "reconnect":
                assert response.reconnect.attempt in (1, view.attempt + 1)
                view.attempt = response.reconnect.attempt
            case "ended":
                self._end(response.call_id, response.ended)
                self.unconfirmed[response.call_id] = entry.seq

    def confirm(self, request: pb.ConnectRequest) -> None:
        """The service has processed a request: it knows what the device has heard."""
        is_there = bool(request.seq or request.ack)
        self.unconfirmed = {
            call_id: seq
            for call_id, seq in self.unconfirmed.items()
            if (seq > request.ack if seq else not is_there)
        }

    def _start(self, connection: Connection, *, may_forget: bool) -> None:
        """What was not acknowledged is dropped; the calls of the welcome are the truth."""
        own = {call_id for call_id, view in self.calls.items() if self._is_side(call_id, view)}
        told = {call.call_id: call for call in connection.calls}
        assert len(told) == len(connection.calls)
        for call_id, snapshot in told.items():
            assert self.parties[call_id].has(self.device)
            if snapshot.state == pb.CALL_STATE_ENDED:
                if self.unconfirmed.pop(call_id, None) is not None:
                    assert self.ended.pop(call_id) == snapshot.ended
                self._end(call_id, snapshot.ended)
            else:
                assert snapshot.state == pb.CALL_STATE_RINGING
                assert snapshot.role == pb.CALL_ROLE_CALLEE
                assert call_id not in self.ended, "what has ended does not ring"
        assert may_forget or own <= set(told), "its calls ended with its session"
        self.unconfirmed = {call_id: 0 for call_id in told if call_id in self.ended}
        self.calls = {}
        self.seq = self.processed = 0
        self.in_flight, self.expected, self.got = [], [], []
        self.refused, self.errors = {}, {}

    def _is_side(self, call_id: str, view: View) -> bool:
        return view.has_won or self.parties[call_id].caller == self.device

    def _offer(self, view: View, sender: Device, offer: pb.SdpOffer) -> None:
        assert offer.negotiation > view.negotiation
        view.negotiation = offer.negotiation
        view.described.add(sender)
        if offer.negotiation > 1:
            self._token(sender, offer.sdp)

    def _token(self, sender: Device, token: str) -> None:
        """Something that was sent to this app, and names its sender and itself."""
        assert f"{sender.user_id}/{sender.device_id}" in token, "the sender is who sent it"
        self.got.append(token)
        assert self.got == self.expected[: len(self.got)], "in order, once, nothing else"

    def _error(self, error: pb.RequestError) -> None:
        assert error.in_reply_to not in self.errors, "one answer for a request"
        self.errors[error.in_reply_to] = error
        assert error == self.refused[error.in_reply_to]

    def _end(self, call_id: str, ended: pb.CallEnded) -> None:
        assert call_id not in self.ended, "one `ended`"
        assert self.truths.get(call_id, ended) == ended, "one truth"
        self.ended[call_id] = ended
        self.calls.pop(call_id, None)
