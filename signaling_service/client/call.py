"""A call, as an app holds it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

from signaling.v1 import signaling_pb2 as pb

from signaling_service.client.events import (
    Answered,
    AppMessage,
    CallEvent,
    Cause,
    Description,
    Ended,
    Lost,
    Offered,
    Won,
    description_of,
    state_value,
)
from signaling_service.client.inbox import Inbox

MAX_UNREAD: Final = 1000  # events of a call; whoever lets so many wait has stopped listening
CANDIDATES_PER_MESSAGE: Final = 32


class Call:
    """One call of this device: iterate it once, until its `Ended` or `Lost`.

    What an app does here is sent once, in order, and also after the connection broke or the
    service could not store it. A request that the service refuses comes back as `Refused`,
    among the call's events. Once the call is over nothing has an effect any more.

    Attributes:
        call_id: the call's name for everyone.
        offer: the offer that it began with, this device's or the caller's.
        peer: the caller, or the device that has answered.
        is_party: whether this device called or its answer has won; else it may just ring.
        ended: how it ended, None while it lives.
    """

    def __init__(
        self,
        call_id: str,
        offer: pb.SdpOffer,
        send: Callable[[pb.ConnectRequest], None],
        peer: pb.Device | None = None,
    ) -> None:
        self.call_id = call_id
        self.offer = offer
        self.peer = peer
        self.is_party = peer is None
        self.ended: Ended | Lost | None = None
        self._send = send
        self._negotiation = offer.negotiation  # that of the offer which the app answers
        self._inbox = Inbox[CallEvent](MAX_UNREAD)
        self._is_over = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Call {self.call_id} {self.ended or 'live'}>"

    @property
    def description(self) -> Description:
        """What the call began with: plain SDP, or what the apps have sealed."""
        return description_of(self.offer)

    # what an app does

    def ring(self) -> None:
        """Say that a person can see or hear it."""
        self._request(ringing=pb.Ringing())

    def answer(self, description: Description) -> None:
        """Answer the newest offer that was read: on the first one wait for `Won`."""
        answer = pb.SdpAnswer(negotiation=self._negotiation, **described(description))
        self._request(answer=answer)

    def reject(self, reason: pb.RejectReason.ValueType = pb.REJECT_REASON_DECLINED) -> None:
        """Do not take the call; the reason says whether other devices go on ringing."""
        self._request(reject=pb.Reject(reason=reason))

    def hangup(self, text: str | None = None) -> None:
        """Cancel, decline or end the call, whichever it is."""
        self._request(hangup=pb.Hangup(text=text))

    def send_candidates(self, candidates: Sequence[pb.IceCandidate]) -> None:
        """Send what was gathered within some 20 to 50 ms, in order."""
        for begin in range(0, len(candidates), CANDIDATES_PER_MESSAGE):
            part = candidates[begin : begin + CANDIDATES_PER_MESSAGE]
            self._request(candidates=pb.IceCandidates(candidates=part))

    def renegotiate(self, description: Description) -> None:
        """Offer anew, as on an ICE restart. Refused with `GLARE`: roll back, answer the peer's."""
        self._request(offer=pb.SdpOffer(**described(description)))

    def report(self, state: str) -> None:
        """Say what RTCPeerConnection.connectionState is: the service helps when it fails.

        Raises:
            ValueError: W3C has no such word.
        """
        self._request(connection_state=pb.ConnectionState(state=state_value(state)))

    def send(self, message: AppMessage) -> None:
        """Send what the two apps have agreed on."""
        app_message = pb.AppMessage(content_type=message.content_type, body=message.body)
        self._request(app_message=app_message)

    def _request(self, **payload: Any) -> None:
        if self.ended is None:
            self._send(pb.ConnectRequest(call_id=self.call_id, **payload))

    # what happens

    def __aiter__(self) -> AsyncIterator[CallEvent]:
        return self

    async def __anext__(self) -> CallEvent:
        event = await self._inbox.get()
        if isinstance(event, Offered):
            self._negotiation = event.negotiation
        return event

    async def wait_ended(self) -> Ended | Lost:
        """Wait until the call is over, whether or not its events are read."""
        await self._is_over.wait()
        if self.ended is None:
            raise AssertionError("over and not ended")
        return self.ended

    # the client's part

    def deliver(self, event: CallEvent) -> None:
        """Let an event wait for the app. The client's, as nobody else's is."""
        if self.ended is not None:
            return
        if self._inbox.is_full and not isinstance(event, Ended | Lost):
            self.hangup()
            event = Lost(Cause.UNREAD)
        if isinstance(event, Answered):
            self.peer = event.sender
        self.is_party |= isinstance(event, Won)
        self._inbox.put(event)
        if isinstance(event, Ended | Lost):
            self.ended = event
            self._inbox.close()
            self._is_over.set()


def described(description: Description) -> dict[str, Any]:
    """The member of `oneof description` that it is."""
    return {"sdp": description} if isinstance(description, str) else {"sealed": description}
