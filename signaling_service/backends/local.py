"""The streams of this node: what is known of their mailboxes without asking the engine."""

from collections.abc import Callable
from typing import Final

from signaling_service.backends.base import Sender, StreamId
from signaling_service.backends.views import key_of
from signaling_service.core.errors import FencedError, SessionLostError
from signaling_service.core.mailbox import Entry
from signaling_service.core.model import Device

MAX_BUFFERED: Final = 64  # entries; a stream that is so far behind reads from the engine


class LocalStream:
    """A stream of this node.

    `received`, `acked` and `top` are what is certainly stored of its session: the highest
    request seq, and the highest response seq acknowledged and there. `stamp` tells the
    entry at `top` from any other that an engine may put there after a loss.
    """

    __slots__ = (
        "_buffer",
        "_handed_out",
        "_is_certain",
        "acked",
        "id",
        "is_lost",
        "is_waiting",
        "received",
        "stamp",
        "top",
        "wake",
    )

    def __init__(
        self, stream: StreamId, received: int, acked: int, wake: Callable[[], None]
    ) -> None:
        self.id = stream
        self.received = received
        self.acked = self.top = acked
        self.stamp = b""
        self.wake = wake
        self.is_lost = False  # the engine has forgotten some of it
        self.is_waiting = False  # its last look at the engine came to nothing
        self._is_certain = False  # whether there is nothing above `top`
        self._handed_out = acked  # the highest seq that was
        self._buffer: dict[int, Entry] | None = None

    def stored(self, seq: int, ack: int) -> None:
        """A request is stored, with its ack."""
        self.received = max(self.received, seq)
        self.acked = max(self.acked, ack)

    def feed(self, session: int, seq: int, stamp: bytes, entry: Entry | None) -> None:
        """The mailbox of a session has grown; an entry that is missing is in the engine."""
        if session != self.id.session or not seq:
            return
        self._note(seq, stamp)
        if entry is not None and seq > self._handed_out:
            self._buffer = self._buffer or {}
            if len(self._buffer) < MAX_BUFFERED:
                self._buffer[seq] = entry
        self.wake()

    def doubt(self) -> None:
        """There may be more than is known."""
        self._is_certain = self.is_waiting = False
        self.wake()

    def peek(self, after: int) -> list[Entry] | None:
        """What comes above seq `after`; None if the engine has to be asked.

        Raises:
            SessionLostError: the engine has forgotten it.
        """
        if self.is_lost:
            raise SessionLostError
        after = max(after, self.acked)
        if not self._is_certain:
            return None
        entries: list[Entry] = []
        while self._buffer and (entry := self._buffer.get(after + 1 + len(entries))):
            entries.append(entry)
        if not entries and after < self.top:
            return None
        self._hand_out(after + len(entries))
        return entries

    def learn(self, top: int, stamp: bytes) -> None:
        """The engine has handed out everything up to `top`, and there was no more."""
        self._note(top, stamp)
        self._is_certain = self.top == top  # else more has come meanwhile
        self._hand_out(top)

    def _note(self, top: int, stamp: bytes) -> None:
        if top > self.top:
            self.top, self.stamp = top, stamp

    def _hand_out(self, up_to: int) -> None:
        self._handed_out = max(self._handed_out, up_to)
        if self._buffer:
            kept = {seq: one for seq, one in self._buffer.items() if seq > self._handed_out}
            self._buffer = kept or None


class LocalStreams:
    """The streams of this node: those that count, by device, and those that do not any more."""

    def __init__(self) -> None:
        self._streams: dict[Device, LocalStream] = {}
        # until they have ended: why they count no more
        self._fenced: dict[StreamId, type[FencedError]] = {}

    def all(self) -> list[LocalStream]:
        """All that count, as they are now."""
        return list(self._streams.values())

    def depths(self) -> list[int]:
        """See `Backend.depths`: as far as is known here."""
        return [stream.top - stream.acked for stream in self.all()]

    def get(self, stream: StreamId) -> LocalStream | None:
        """The stream, if it is here.

        Raises:
            FencedError: it counts no more. The engine may know nothing of its session then.
            RevokedError: likewise, as a service wanted it.
        """
        if why := self._fenced.get(stream):
            raise why
        found = self._streams.get(stream.device)
        return found if found is not None and found.id == stream else None

    def of(self, device: Device) -> LocalStream | None:
        """The stream of a device, if it is here."""
        return self._streams.get(device)

    def add(self, stream: LocalStream) -> None:
        """A stream counts from now on; one before it does not."""
        previous = self._streams.get(stream.id.device)
        if previous is not None and previous.id.fence > stream.id.fence:
            self._fence(stream)  # it came second, and has lost already
            return
        self._streams[stream.id.device] = stream
        if previous is not None:
            self._fence(previous)

    def fence(
        self, device: Device, below: int | None = None, why: type[FencedError] = FencedError
    ) -> None:
        """The stream of a device counts no more, or one with a lower fence."""
        found = self._streams.get(device)
        if found is not None and (below is None or found.id.fence < below):
            del self._streams[device]
            self._fence(found, why)

    def remove(self, stream: StreamId) -> None:
        """A stream has ended."""
        self._fenced.pop(stream, None)
        found = self._streams.get(stream.device)
        if found is not None and found.id == stream:
            del self._streams[stream.device]

    def _fence(self, stream: LocalStream, why: type[FencedError] = FencedError) -> None:
        self._fenced[stream.id] = why
        stream.wake()


def known_of(stream: LocalStream | None) -> tuple[bytes | int, ...]:
    """What a script is told to be stored, so that it notices when it is not."""
    if stream is None:
        return 0, 0, 0, b""
    return stream.received, stream.acked, stream.top, stream.stamp


def sender_args(sender: Sender | None, local: LocalStream | None) -> tuple[str | bytes | int, ...]:
    """Whose step it is, and what is known to be stored of that session."""
    if sender is None:
        return "", 0, 0, 0, *known_of(None)
    stream = sender.stream
    return key_of(stream.device), stream.fence, sender.seq, sender.ack, *known_of(local)


def guard_args(guard: StreamId | None) -> tuple[str | bytes | int, ...]:
    """Whose stream has to count still."""
    return ("", 0) if guard is None else (key_of(guard.device), guard.fence)
