"""A device's part in a call: everything that it sends and is forwarded has a number.

The numbers of one device in one call rise with its requests: so at the other end
what is lost, doubled or out of order shows.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import Enum, auto
from random import Random
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration
from signaling.v1 import signaling_pb2 as pb

from tests.devices import candidate, sdp
from tests.faults.ledger import Sent
from tests.faults.phone import Phone, Remake
from tests.faults.profile import PATIENCE

CANDIDATES: Final = 3  # after each description


class End(Enum):
    """How a call is to end."""

    CALLER = auto()  # hangs up
    CALLEE = auto()  # likewise
    CANCEL = auto()  # which may cross the answers
    DECLINE = auto()  # which may cross an answer


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to happen in a call."""

    call_id: str
    rounds: int = 5  # of counting aloud
    end: End = End.CALLER
    answering: frozenset[str] = frozenset({"phone"})  # devices
    renegotiation: int | None = None  # in which round
    pause: float = 0.0  # s; at most, before somebody goes on

    @classmethod
    def drawn(cls, call_id: str, random: Random, pause: float) -> "Plan":
        """Any plan."""
        rounds = random.randint(1, 12)
        return cls(
            call_id,
            rounds,
            random.choices([*End], weights=[5, 3, 1, 1])[0],
            random.choice([frozenset({"phone"}), frozenset({"phone", "tablet"})]),
            random.choice([None, random.randrange(rounds)]),
            pause,
        )


class Part:
    """A device's part in a call."""

    def __init__(self, phone: Phone, plan: Plan | str) -> None:
        self.phone = phone
        self.plan = plan if isinstance(plan, Plan) else Plan(plan)
        self._number = 0  # the last one given out
        self._ufrag = ""
        self._highest = -1  # that the other side has counted to
        self._responses = phone.call(self.plan.call_id)

    def __aiter__(self) -> AsyncIterator[pb.ConnectResponse]:
        return self._responses

    async def until(self, kind: str, within: float = PATIENCE) -> pb.ConnectResponse:
        """The next response of this kind; others are passed over.

        `kind` is the name of a payload, or of a ProgressKind without its prefix.

        Raises:
            TimeoutError: it did not come within so many seconds.
        """
        async with asyncio.timeout(within):
            async for response in self._responses:
                progress = f"PROGRESS_KIND_{kind}"
                is_progress = pb.ProgressKind.Name(response.progress.kind) == progress
                if response.WhichOneof("payload") == kind or is_progress:
                    return response
        raise AssertionError(f"no {kind} before the end")

    def sends(self, **payload: Any) -> Sent:
        """Send what may come twice: the service recognises it."""
        return self.phone.send(self._request(**payload))

    def offers(self, recipient: str, ring_timeout: float | None = None) -> None:
        """Begin the call."""
        offer = pb.SdpOffer(recipient_user_id=recipient, sdp=self._describe())
        if ring_timeout is not None:
            offer.ring_timeout.CopyFrom(Duration(seconds=round(ring_timeout)))
        self.sends(offer=offer)
        self.trickles()

    def answers(self, negotiation: int) -> None:
        """Answer an offer, and send candidates without waiting for anything."""
        self.sends(answer=pb.SdpAnswer(sdp=self._describe(), negotiation=negotiation))
        self.trickles()

    def renegotiates(self) -> None:
        """Offer anew, with a number of its own whenever it is tried again."""

        def make() -> pb.ConnectRequest:
            return self._request(offer=pb.SdpOffer(sdp=self._describe()))

        self._sends_anew(make)
        self.trickles()

    def trickles(self) -> None:
        """Send candidates of the last description."""
        ufrag = self._ufrag

        def make() -> pb.ConnectRequest:
            lines = [candidate(self._next(), ufrag) for _ in range(CANDIDATES)]
            return self._request(candidates=pb.IceCandidates(candidates=lines))

        self._sends_anew(make)

    def says(self, count: int) -> Sent:
        """Count aloud."""

        def make() -> pb.ConnectRequest:
            body = f"{self._next()} {self.phone.name} {count}".encode()
            return self._request(app_message=pb.AppMessage(body=body))

        return self._sends_anew(make)

    async def hangs_up(self) -> pb.CallEnded:
        """End the call, and hear it confirmed."""
        self.sends(hangup=pb.Hangup())
        return (await self.until("ended")).ended

    def hears(self, message: pb.AppMessage) -> int | None:
        """What the other side counted; None if it has said that, or more, before."""
        count = int(message.body.split()[2])
        if count <= self._highest:
            return None
        self._highest = count
        return count

    def _describe(self) -> str:
        """The next description; its ufrag has its number."""
        self._ufrag = f"{self.phone.name}+{self._next()}"
        return sdp(self._ufrag)

    def _sends_anew(self, make: Remake) -> Sent:
        return self.phone.send(make(), make)

    def _request(self, **payload: Any) -> pb.ConnectRequest:
        return pb.ConnectRequest(call_id=self.plan.call_id, **payload)

    def _next(self) -> int:
        self._number += 1
        return self._number
