"""What a test device remembers between its streams; it insists on what the contract says.

Written from the contract, not from the client library: each may be wrong on its own.
"""

from collections import deque

from signaling.v1 import signaling_pb2 as pb

from tests import canaries
from tests.faults.ledger import Ledger, Sent

ACK_EVERY = 32  # responses


class Session:
    """The session of one device, as long as the service keeps it."""

    def __init__(self, device: str, ledger: Ledger) -> None:
        self.outbox: deque[Sent] = deque()  # what the service has not acknowledged
        self.heard = 0  # the highest response seq
        self.acked = 0  # the highest one acknowledged
        self._device = device
        self._ledger = ledger
        self._id: str | None = None
        self._sent = 0  # the highest request seq given out
        self._written = 0  # the highest one written to the stream
        self._processed = 0  # the highest one that the service has acknowledged
        self._requests: dict[int, Sent] = {}

    @property
    def owes_ack(self) -> bool:
        """Whether it has heard what it has not acknowledged."""
        return self.heard > self.acked

    def hello(self) -> pb.ConnectRequest:
        """The first request of a stream."""
        return pb.ConnectRequest(hello=pb.Hello(session_id=self._id), ack=self.heard)

    def add(self, request: pb.ConnectRequest) -> Sent:
        """Number a request, and keep it until it is acknowledged."""
        self._sent += 1
        request.seq = self._sent
        entry = self._ledger.sent(self._device, request)
        self._requests[self._sent] = entry
        self.outbox.append(entry)
        return entry

    def next_request(self) -> pb.ConnectRequest | None:
        """The next request to write to the stream, with an ack."""
        for entry in self.outbox:
            if entry.request.seq > self._written:
                self._ledger.counts["sent again"] += entry.written > 0
                entry.written += 1
                self._written = entry.request.seq
                entry.request.ack = self.acked = self.heard
                return entry.request
        return None

    def bare_ack(self) -> pb.ConnectRequest:
        """An ack that nothing carries."""
        self.acked = self.heard
        self._ledger.tell()
        return pb.ConnectRequest(ack=self.acked)

    def begin(self, response: pb.ConnectResponse, node: str) -> None:
        """Go on where a welcome says, which has to be the first response."""
        welcome = response.welcome
        if not response.HasField("welcome"):
            self._violate(f"no welcome, but {response}")
        if self._id is not None and not welcome.resumed:
            self._ledger.violate(self._device, f"its session was lost at {node}")
            self.outbox.clear()
            self._requests.clear()
            self._sent = self.heard = self._processed = 0
        elif response.ack < self._processed:
            self._violate(f"acknowledged {self._processed}, after a resume only {response.ack}")
        text = f"{'resumed' if welcome.resumed else 'began'} at {node}"
        text += f", service has {response.ack}, device {self.heard}, backlog to {welcome.last_seq}"
        self._ledger.note(self._device, text, "resumed" if welcome.resumed else "fresh")
        self._id = welcome.session_id
        canaries.plant(welcome.session_id)
        self._written, self.acked = response.ack, self.heard

    def hear(self, response: pb.ConnectResponse) -> Sent | None:
        """Note what a response says; returns the request that it reports as not stored."""
        self._process(response.ack)
        if not response.seq:
            return self._report(response)
        if response.seq != self.heard + 1:
            self._violate(f"seq {response.seq} came after {self.heard}")
        self.heard = response.seq
        if response.HasField("error"):
            canaries.watch("an error", response.error)
            self._requests[response.error.in_reply_to].refusal = response.error
        return None

    def _process(self, ack: int) -> None:
        if ack > self._sent:
            self._violate(f"ack {ack}, only {self._sent} were sent")
        self._processed = max(self._processed, ack)
        while self.outbox and self.outbox[0].request.seq <= ack:
            self.outbox.popleft().is_acknowledged = True
        self._ledger.tell()

    def _report(self, response: pb.ConnectResponse) -> Sent | None:
        if not response.HasField("error"):
            return None
        error = response.error
        entry = self._requests.get(error.in_reply_to)
        if entry is None or error.code != pb.ERROR_CODE_UNAVAILABLE:
            self._violate(f"unexpected {error}")
            return None
        entry.is_reported = True
        self._ledger.counts["reported"] += 1
        return entry

    def _violate(self, text: str) -> None:
        self._ledger.violate(self._device, text)
