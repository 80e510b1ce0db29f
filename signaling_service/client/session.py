"""What a device remembers between its streams: numbers, acks, and what is still to arrive.

No I/O: messages in, messages out. The rules are those of XEP-0198. A request is kept until
the service has acknowledged it; a response that was heard before is not heard again.
"""

from collections import deque
from collections.abc import Mapping
from typing import Final

from signaling.v1 import signaling_pb2 as pb

ACK_EVERY: Final = 32  # responses; so many are acknowledged at once
REMEMBERED: Final = 1024  # requests; a refusal comes long before so many have followed


class Session:
    """One device's session, over as many streams as it takes.

    Args:
        agent: name and version of the app.
        labels: what the operator wants to know of a device.
    """

    def __init__(self, agent: str = "", labels: Mapping[str, str] | None = None) -> None:
        self._agent = agent
        self._labels = dict(labels or {})
        self._id: str | None = None  # none: this process remembers nothing
        self._sent = 0  # the highest request seq given out
        self._written = 0  # the highest one written to the stream
        self._unacked: deque[pb.ConnectRequest] = deque()
        self._names: dict[int, str] = {}  # what the last requests were
        self._heard = 0  # the highest response seq
        self._acked = 0  # the highest one acknowledged

    @property
    def heard(self) -> int:
        """The highest number of a response that was heard."""
        return self._heard

    @property
    def unacked(self) -> int:
        """How many requests the service has not acknowledged."""
        return len(self._unacked)

    @property
    def owes_ack(self) -> bool:
        """Whether something was heard that is not acknowledged."""
        return self._heard > self._acked

    @property
    def is_ack_due(self) -> bool:
        """Whether so much was heard that an ack goes out alone."""
        return self._heard - self._acked >= ACK_EVERY

    # what goes out

    def hello(self) -> pb.ConnectRequest:
        """The first request of a stream."""
        hello = pb.Hello(session_id=self._id, agent=self._agent, labels=self._labels)
        return pb.ConnectRequest(hello=hello, ack=self._heard)

    def add(self, request: pb.ConnectRequest) -> None:
        """Number a request; from now on it is on its way, whatever happens to streams."""
        self._sent += 1
        request.seq = self._sent
        self._unacked.append(request)
        self._names[self._sent] = _name(request)
        self._names.pop(self._sent - REMEMBERED, None)

    def next_request(self) -> pb.ConnectRequest | None:
        """The next request to write to the stream, with the ack that rides on it."""
        position = self._written - self._sent + len(self._unacked)
        if position >= len(self._unacked):
            return None
        request = self._unacked[max(position, 0)]
        request.ack = self._acked = self._heard
        self._written = request.seq
        return request

    def bare_ack(self) -> pb.ConnectRequest:
        """An ack that nothing else carries."""
        self._acked = self._heard
        return pb.ConnectRequest(ack=self._acked)

    def name_of(self, seq: int) -> str:
        """What a request was: see `Refused.request`."""
        return self._names.get(seq, "")

    # what comes in

    def begin(self, response: pb.ConnectResponse) -> bool:
        """Go on where a welcome says; returns whether an older session was lost with it."""
        was_lost = self._id is not None and not response.welcome.resumed
        if was_lost:
            self._unacked.clear()
            self._names.clear()
            self._sent = self._heard = 0
        self._id = response.welcome.session_id
        self._written, self._acked = response.ack, self._heard
        return was_lost

    def hear(self, response: pb.ConnectResponse) -> bool:
        """Note a response; returns False for one that was heard before."""
        while self._unacked and self._unacked[0].seq <= response.ack:
            self._unacked.popleft()
        if not response.seq:
            return True
        if response.seq <= self._heard:
            return False
        self._heard = response.seq
        return True


def _name(request: pb.ConnectRequest) -> str:
    """The payload's member; a first offer is a "call"."""
    kind = request.WhichOneof("payload") or ""
    return "call" if kind == "offer" and request.offer.recipient_user_id else kind
