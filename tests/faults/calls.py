"""Scripts of calls: both people count aloud, and everything that is forwarded has a number.

The numbers of one device in one call rise with its requests: so at the other end
what is lost, doubled or out of order shows.
"""

import asyncio
import re
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
from tests.faults.profile import PATIENCE, lasts

CANDIDATES: Final = 3  # after each description
_UFRAG: Final = re.compile(r"a=ice-ufrag:(\S+)")


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


async def ask(phone: Phone, recipient: str, plan: Plan) -> pb.CallEnded:
    """Be the caller, to the end of the call."""
    part, ended = Part(phone, plan), pb.CallEnded()
    part.offers(recipient)
    async for response in part:
        match response.WhichOneof("payload"):
            case "progress" if plan.end is End.CANCEL:
                part.sends(hangup=pb.Hangup())
            case "answer" if response.answer.negotiation == 1:
                part.says(0)
            case "app_message":
                await _goes_on(part, response.app_message)
            case "ended":
                ended = response.ended
    return ended


async def _goes_on(part: Part, message: pb.AppMessage) -> None:
    """The callee has repeated what the caller said."""
    count, plan = part.hears(message), part.plan
    if count is None:
        return
    await lasts(part.phone.random.uniform(0, plan.pause))
    if count == plan.renegotiation:
        part.renegotiates()
    if count + 1 < plan.rounds:
        part.says(count + 1)
    elif plan.end in (End.CALLER, End.CANCEL):
        part.sends(hangup=pb.Hangup())
    else:
        part.says(plan.rounds)  # and the callee hangs up


async def reply(phone: Phone, plan: Plan) -> None:
    """Be a device of the callee, to the end of the call."""
    part = Part(phone, plan)
    async for response in part:
        match response.WhichOneof("payload"):
            case "offer" if response.offer.negotiation > 1:
                part.answers(response.offer.negotiation)
            case "offer":
                await _takes(part)
            case "app_message":
                if (count := part.hears(response.app_message)) is not None:
                    _repeats(part, count)


async def _takes(part: Part) -> None:
    """It rings: do what the plan says."""
    plan, phone = part.plan, part.phone
    part.sends(ringing=pb.Ringing())
    await lasts(phone.random.uniform(0, plan.pause))
    if phone.device_id in plan.answering:
        part.answers(1)
    elif plan.end is End.DECLINE:
        part.sends(reject=pb.Reject(reason=pb.REJECT_REASON_DECLINED))


def _repeats(part: Part, count: int) -> None:
    is_last = count == part.plan.rounds
    if is_last:
        part.sends(hangup=pb.Hangup())
    else:
        part.says(count)


async def talk(caller: Phone, callee: Phone, call_id: str) -> tuple[Part, Part]:
    """An answered call, both parts of it; what comes next is up to the test."""
    asking, replying = Part(caller, call_id), Part(callee, call_id)
    asking.offers(callee.user_id)
    await replying.until("offer")
    replying.answers(1)
    await replying.until("WON")
    await asking.until("answer")
    return asking, replying


async def listen(phone: Phone, plans: dict[str, Plan]) -> None:
    """Take every call that comes to a device of a callee; ends when cancelled."""
    async with asyncio.TaskGroup() as group:
        while True:
            group.create_task(reply(phone, plans[await phone.incoming.get()]))


def number_of(ufrag: str) -> int:
    """The number of a description."""
    return int(ufrag.rpartition("+")[2])


def ufrag_of(description: str) -> str:
    """The ICE generation of a description."""
    found = _UFRAG.search(description)
    assert found is not None, description
    return found[1]
