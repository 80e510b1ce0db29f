"""Whatever may happen between a device and a service whose backend comes and goes."""

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.client.outbox import Outbox

PAUSE, REMEMBERED = 1.0, 100


def numbered(number: int) -> pb.ConnectRequest:
    """A request that says which one it is."""
    return pb.ConnectRequest(app_message=pb.AppMessage(body=b"%d" % number))


def number_of(request: pb.ConnectRequest) -> int:
    return int(request.app_message.body)


class Answer(NamedTuple):
    """What the service says of a request."""

    seq: int
    number: int
    is_refused: bool


@dataclass
class Service:
    """Stores, refuses, or stores and refuses, as its backend comes and goes; and is cut off."""

    random: Random
    stored: list[int] = field(default_factory=list)
    uncertain: set[int] = field(default_factory=set)  # stored, and refused all the same
    unheard: set[int] = field(default_factory=set)  # the refusal was lost, and a later one stored
    received: int = 0  # the highest seq stored
    is_away: bool = False
    to_it: deque[pb.ConnectRequest] = field(default_factory=deque)
    to_device: deque[Answer] = field(default_factory=deque)

    def take(self) -> None:
        """Process a request."""
        request = self.to_it.popleft()
        number, is_answer_lost = number_of(request), self.random.random() < 0.2
        if not self.is_away or is_answer_lost:
            self.stored.append(number)
            self.received = request.seq
        if self.is_away and is_answer_lost:
            self.uncertain.add(number)
        self.to_device.append(Answer(request.seq, number, self.is_away))

    def cut(self) -> int:
        """Lose the stream; returns what the next welcome acknowledges."""
        for answer in self.to_device:
            if answer.is_refused and answer.seq < self.received:
                self.unheard.add(answer.number)
        self.to_it.clear()
        self.to_device.clear()
        return self.received

    @property
    def has_got(self) -> set[int]:
        """What is stored, or on its way to be."""
        on_its_way = [number_of(request) for request in self.to_it]
        return {*self.stored, *on_its_way, *(answer.number for answer in self.to_device)}


class Simulation:
    """A device and a service, and whatever may happen between them."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - faults, not secrets
        self.service = Service(self.random)
        self.outbox = Outbox(REMEMBERED)
        self.added = 0
        self.ahead: dict[int, set[int]] = defaultdict(set)  # of a request: what may overtake it
        self._steps = (self.add, self.write, self.process, self.hear, self.go_on, self.cut)

    def run(self, steps: int) -> None:
        """Do anything; then let the backend be there until all is quiet."""
        for _ in range(steps):
            self.random.choice(self._steps)()
            self.service.is_away ^= self.random.random() < 0.05
        self.service.is_away = False
        while len(self.outbox):
            for step in (self.go_on, self.write, self.process, self.hear):
                step()

    def add(self) -> None:
        """The app has a request."""
        self.added += 1
        self.outbox.add(numbered(self.added))

    def write(self) -> None:
        """The device writes one, if it may."""
        request = self.outbox.next()
        if request is not None:
            self.service.to_it.append(request)

    def process(self) -> None:
        """The service takes one."""
        if self.service.to_it:
            self.service.take()

    def hear(self) -> None:
        """The device hears an answer."""
        if not self.service.to_device:
            return
        answer = self.service.to_device.popleft()
        if answer.is_refused:
            assert self.outbox.refuse(answer.seq, PAUSE)
            self.ahead[answer.number] |= self.service.has_got
        else:
            self.outbox.acknowledge(answer.seq)

    def go_on(self) -> None:
        """The pause is over."""
        self.outbox.go_on()

    def cut(self) -> None:
        """The stream breaks, and another one resumes."""
        if self.random.random() < 0.2:
            self.outbox.resume(self.service.cut())


@pytest.mark.parametrize("seed", range(200))
def test_everything_is_stored_whatever_happens(seed: int) -> None:
    """Once and in order, but for what nobody can know: see `outbox`."""
    simulation = Simulation(seed)
    simulation.run(300)
    service = simulation.service
    counts = Counter(service.stored)
    firsts = list(counts)  # in the order in which they were first stored
    overtaken = {
        (number, other)
        for place, number in enumerate(firsts)
        for other in firsts[:place]
        if other > number and other not in simulation.ahead[number]
    }

    assert set(range(1, simulation.added + 1)) - counts.keys() <= service.unheard
    assert {number for number, times in counts.items() if times > 1} <= service.uncertain
    assert not overtaken
