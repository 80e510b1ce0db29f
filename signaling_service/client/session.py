"""What a device remembers between its streams: numbers, acks, and what is still to arrive.

No I/O: messages in, messages out. The rules are those of XEP-0198. A request is kept until
the service has stored it (see `Outbox`); a response that was heard before is not heard again.
"""

from collections.abc import Mapping
from typing import Final

from signaling.v1 import signaling_pb2 as pb

from signaling_service.client.outbox import Outbox

ACK_EVERY: Final = 32  # responses; so many are acknowledged at once
REMEMBERED: Final = 1024  # requests; a refusal comes long before so many have followed
RETRY_AFTER: Final = 1.0  # s; where a service does not say when to send again


class Session:
    """One device's session, over as many streams as it takes.

    Args:
        agent: name and version of the app.
        labels: what the operator wants to know of a device.

    Attributes:
        outbox: what the service has not got.
    """

    def __init__(self, agent: str = "", labels: Mapping[str, str] | None = None) -> None:
        self._agent = agent
        self._labels = dict(labels or {})
        self._id: str | None = None  # none: this process remembers nothing
        self.outbox = Outbox(REMEMBERED)
        self._heard = 0  # the highest response seq
        self._acked = 0  # the highest one acknowledged

    @property
    def heard(self) -> int:
        """The highest number of a response that was heard."""
        return self._heard

    @property
    def unacked(self) -> int:
        """How many requests the service has not acknowledged."""
        return len(self.outbox)

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
        """Let a request get on its way, whatever happens to streams."""
        self.outbox.add(request)

    def next_request(self) -> pb.ConnectRequest | None:
        """The next request to write to the stream, with the ack that rides on it."""
        request = self.outbox.next()
        if request is not None:
            request.ack = self._acked = self._heard
        return request

    def bare_ack(self) -> pb.ConnectRequest:
        """An ack that nothing else carries."""
        self._acked = self._heard
        return pb.ConnectRequest(ack=self._acked)

    def name_of(self, seq: int) -> str:
        """What a request was: see `Refused.request`."""
        return self.outbox.name_of(seq)

    # what comes in

    def begin(self, response: pb.ConnectResponse) -> bool:
        """Go on where a welcome says; returns whether an older session was lost with it."""
        was_lost = self._id is not None and not response.welcome.resumed
        if was_lost:
            self.outbox.clear()
            self._heard = 0
        self._id = response.welcome.session_id
        self._acked = self._heard
        self.outbox.resume(response.ack)
        return was_lost

    def hear(self, response: pb.ConnectResponse) -> bool:
        """Note a response; returns False for one that was heard before."""
        self.outbox.acknowledge(response.ack)
        if not response.seq:
            return True
        if response.seq <= self._heard:
            return False
        self._heard = response.seq
        return True

    def sends_again(self, response: pb.ConnectResponse) -> bool:
        """Whether what an error refuses is sent again: then nobody has to hear of it.

        It is when the service could not store it, or had not got the call's offer for
        that reason.
        """
        error = response.error
        if error.code == pb.ERROR_CODE_UNAVAILABLE and not response.seq:
            pause = error.retry_after.ToTimedelta().total_seconds() or RETRY_AFTER
            return self.outbox.refuse(error.in_reply_to, pause)
        return error.code == pb.ERROR_CODE_CALL_NOT_FOUND and self.outbox.has_overtaken(
            error.in_reply_to
        )
