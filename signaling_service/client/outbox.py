"""What a device has for the service, in the app's order, numbered as it is written. No I/O.

A request is kept until the service has acknowledged it. One that the service could not
store, because its backend was away, counts as received and is sent again under a new number:

- It waits as long as the service asks for, and until all that was written has its answer.
  Then the first request goes alone, the others once that one is stored. So it is overtaken
  by nothing but what was on its way already; its call's requests among those, which the
  service refuses without the offer, are sent again behind it.
- A resume counts on from the last number that the service has stored: each request once, in
  the app's order, whether it was refused or just not acknowledged.
- A refused request may be stored after all: the backend's answer was lost, not the request. If
  its number is the ack of a welcome it was, and is not sent again. Below that ack, and on a
  stream that lasts, nobody can know: such a request is sent, at worst a second time. A repeated
  app message is told twice, a repeated description is refused or negotiated again; nothing
  else has an effect twice.
- A refusal that was lost with its stream is not made up for if a later request was stored:
  the ack of the welcome covers both.
"""

from bisect import insort
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from signaling.v1 import signaling_pb2 as pb

KEPT: Final = 64  # acknowledged requests; a later one's ack may come before a refusal


@dataclass(slots=True, eq=False)
class _Item:
    """A request, and what became of it."""

    place: int  # in the app's order
    name: str
    request: pb.ConnectRequest
    was_refused: bool = False
    is_over: bool = False  # its call is: it is sent no more


class Outbox:
    """The requests of one session.

    Args:
        remembered: of so many requests the names are known, and which were refused.

    Attributes:
        pause: s; how long the service wants to be left alone, None if it does not.
    """

    def __init__(self, remembered: int) -> None:
        self.pause: float | None = None
        self._remembered = remembered
        self._placed = 0
        self._sent = 0  # the highest seq given out
        self._waiting: deque[_Item] = deque()  # to be written, by place
        self._unacked: deque[_Item] = deque()  # written and unanswered, by seq
        self._acknowledged: deque[_Item] = deque(maxlen=KEPT)
        self._refused: dict[int, _Item] = {}  # by the seq it had, from the last ack on
        self._names: dict[int, str] = {}  # what the last requests were
        self._is_held = False  # one was refused, and none has been stored since
        self._probe = 0  # the seq of the one that went alone

    def __len__(self) -> int:
        return len(self._waiting) + len(self._unacked)

    @property
    def has_next(self) -> bool:
        """Whether there is a request that may be written."""
        is_free = not self._is_held or (self.pause is None and not self._unacked)
        return is_free and bool(self._waiting)

    def add(self, request: pb.ConnectRequest) -> None:
        """Let a request get on its way."""
        self._placed += 1
        self._waiting.append(_Item(self._placed, _name(request), request))

    def next(self) -> pb.ConnectRequest | None:
        """The request to write now, with its number."""
        if not self.has_next:
            return None
        item = self._waiting.popleft()
        self._unacked.append(item)
        self._sent = item.request.seq = self._sent + 1
        self._names[self._sent] = item.name
        self._names.pop(self._sent - self._remembered, None)
        if self._is_held:
            self._probe = self._sent
        return item.request

    def name_of(self, seq: int) -> str:
        """What a request was: see `Refused.request`."""
        return self._names.get(seq, "")

    # what the service says

    def acknowledge(self, ack: int) -> None:
        """Everything up to `ack` has its answer."""
        while self._unacked and self._unacked[0].request.seq <= ack:
            self._acknowledged.append(self._unacked.popleft())
        if self._refused:
            self._refused = {seq: item for seq, item in self._refused.items() if seq >= ack}
        if 0 < self._probe <= ack:
            self.release()

    def resume(self, ack: int) -> None:
        """A stream begins, and the service has stored `ack`: all that was not goes out again."""
        stored = self._refused.get(ack)
        self.acknowledge(ack)
        while self._unacked:
            item = self._unacked.popleft()
            if item.name != "refresh":  # the new stream came with credentials of its own
                self._send_again(item)
        self._waiting = deque(item for item in self._waiting if item is not stored)
        self._names = {seq: name for seq, name in self._names.items() if seq <= ack}
        self._sent = ack
        self._refused.clear()
        self.release()

    def clear(self) -> None:
        """The session is gone, and so is everything that it had to say."""
        for items in (self._waiting, self._unacked, self._acknowledged):
            items.clear()
        self._names.clear()

    def refuse(self, seq: int, pause: float) -> bool:
        """A request could not be stored; returns whether it is sent again, after `pause` s."""
        item = self._take(seq)
        if item is None:
            return False  # too long ago
        item.was_refused = True
        self._refused[seq] = item
        if len(self._refused) > self._remembered:
            self._refused.pop(next(iter(self._refused)))
        self._is_held, self._probe, self.pause = True, 0, pause
        self._send_again(item)
        return True

    def has_overtaken(self, seq: int) -> bool:
        """A request has no call; returns whether it is sent again, behind its call's offer."""
        item = self._take(seq)
        if item is None:
            return False
        for offer in self._about(item.request.call_id, "call"):
            if offer.was_refused and not 0 < offer.request.seq < seq:
                self._send_again(item)
                return True
        return False

    # what ends the waiting

    def go_on(self) -> None:
        """The pause is over."""
        self.pause = None

    def release(self) -> None:
        """Hold nothing back any longer."""
        self._is_held, self._probe, self.pause = False, 0, None

    def forget(self, call_id: str) -> None:
        """The service knows that a call is over: nothing more is sent about it."""
        self._drop(call_id)

    def cancel(self, call_id: str) -> pb.Hangup | None:
        """Take back the offer of a call that was hung up while its offer was held back.

        The hangup still goes out, because the offer may have been stored; it is returned.
        None: the call was not hung up, or its offer is written or not held back.
        """
        is_held = self._is_held and any(
            item in self._waiting for item in self._about(call_id, "call")
        )
        hangup = next(self._about(call_id, "hangup"), None) if is_held else None
        if hangup is None:
            return None
        self._drop(call_id, but=hangup)
        return hangup.request.hangup

    def _about(self, call_id: str, name: str) -> Iterator[_Item]:
        for item in chain(self._waiting, self._unacked, self._acknowledged):
            if item.name == name and item.request.call_id == call_id:
                yield item

    def _take(self, seq: int) -> _Item | None:
        """Take out a request that was written."""
        for items in (self._unacked, self._acknowledged):
            for item in items:
                if item.request.seq == seq:
                    items.remove(item)
                    return item
        return None

    def _send_again(self, item: _Item) -> None:
        if item.is_over:
            return
        request = pb.ConnectRequest()  # whoever observed the first one may have kept it
        request.CopyFrom(item.request)
        request.seq = 0
        item.request = request
        insort(self._waiting, item, key=lambda each: each.place)

    def _drop(self, call_id: str, but: _Item | None = None) -> None:
        for item in chain(self._waiting, self._unacked, self._acknowledged):
            item.is_over |= item.request.call_id == call_id and item is not but
        self._waiting = deque(item for item in self._waiting if not item.is_over)


def _name(request: pb.ConnectRequest) -> str:
    """The payload's member; a first offer is a "call"."""
    kind = request.WhichOneof("payload") or ""
    return "call" if kind == "offer" and request.offer.recipient_user_id else kind
