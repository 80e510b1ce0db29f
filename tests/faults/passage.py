"""What one device of a call sent, and what another one heard of it."""

from collections import Counter
from collections.abc import Iterator, Sequence

from signaling.v1 import signaling_pb2 as pb

from tests.faults.ledger import Sent
from tests.faults.numbers import (
    author_of,
    descriptions_in,
    generations_in,
    number_of,
    numbers_of,
    sender_of,
)


class Passage:
    """From `sender` to `device`.

    A request that was reported as not stored may have arrived all the same, and late.
    """

    def __init__(
        self, sender: str, sent: Sequence[Sent], device: str, heard: Sequence[pb.ConnectResponse]
    ) -> None:
        self._names = (sender, device)
        self._sent = sent
        self._heard = [response for response in heard if sender_of(response) == sender]
        self.arrived = [number for response in self._heard for number in numbers_of(response)]
        self.reported = {
            number for entry in sent if entry.is_reported for number in numbers_of(entry.request)
        }

    @property
    def doubled(self) -> list[int]:
        """What arrived more than once."""
        return [number for number, times in Counter(self.arrived).items() if times > 1]

    @property
    def lost(self) -> list[int]:
        """What the service has accepted, and never arrived."""
        accepted = [entry.request for entry in self._sent if entry.is_accepted]
        numbers = [number for request in accepted for number in numbers_of(request)]
        return [number for number in numbers if number not in self.arrived]

    def problems(self) -> Iterator[str]:
        """Everything that is wrong, but for what is lost: it may have had nowhere to go."""
        sender, device = self._names
        for response in self._heard:
            if author_of(response) != {sender}:
                yield f"{device} heard under the name of {sender}: {response}"
        for ufrag in self._undescribed():
            yield f"{device} heard candidates of {ufrag} before their description"
        if invented := set(self.arrived) - {n for e in self._sent for n in numbers_of(e.request)}:
            yield f"{device} heard what {sender} never sent: {sorted(invented)}"
        if self.doubled:
            yield f"{device} heard twice of {sender}: {self.doubled}"
        order = [number for number in self.arrived if number not in self.reported]
        if order != sorted(order):
            yield f"{device} heard of {sender} in this order: {order}"

    def _undescribed(self) -> Iterator[str]:
        """Generations whose candidates came ahead of their description, which was stored."""
        described: set[str] = set()
        for response in self._heard:
            described |= descriptions_in(response)
            for ufrag in generations_in(response) - described:
                if number_of(ufrag) not in self.reported:
                    yield ufrag
