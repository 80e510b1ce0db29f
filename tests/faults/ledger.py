"""What every device of a run saw, in the order of time."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from signaling.v1 import signaling_pb2 as pb

from tests.faults.profile import PATIENCE

MS: Final = " (ms)"  # ends the name of a count that is a time
NO_CALL: Final = "no-such-call"  # asked for, to hear what comes before the refusal


@dataclass(slots=True, eq=False)
class Sent:
    """A request of a device: what became of it is filled in when the device hears it."""

    at: float
    device: str
    request: pb.ConnectRequest
    written: int = 0  # how often
    is_acknowledged: bool = False
    is_reported: bool = False  # UNAVAILABLE: it was not stored, or nobody knows
    refusal: pb.RequestError | None = None

    @property
    def is_accepted(self) -> bool:
        """Whether the service has taken it on: what it forwards has to arrive."""
        return self.is_acknowledged and not self.is_reported and self.refusal is None


@dataclass(slots=True, eq=False)
class Heard:
    """A response that reached the app of a device."""

    at: float
    device: str
    response: pb.ConnectResponse


@dataclass(slots=True, eq=False)
class Noted:
    """Anything else, such as a stream that ended."""

    at: float
    device: str
    text: str


Entry = Sent | Heard | Noted


@dataclass
class Ledger:
    """Keeps what devices report, and counts it.

    `violations` are what a device found wrong by itself.
    """

    entries: list[Entry] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)  # devices that do not come back
    _waiters: set[asyncio.Event] = field(default_factory=set)

    def sent(self, device: str, request: pb.ConnectRequest) -> Sent:
        """A device has numbered a request."""
        entry = Sent(_now(), device, request)
        self.entries.append(entry)
        return entry

    def heard(self, device: str, response: pb.ConnectResponse) -> None:
        """The app of a device has got a response."""
        self.entries.append(Heard(_now(), device, response))
        self.counts["heard"] += 1
        self.tell()

    def note(self, device: str, text: str, count: str = "") -> None:
        """Something else happened to a device; counted under `count` if that is given."""
        self.entries.append(Noted(_now(), device, text))
        if count:
            self.counts[count] += 1
        self.tell()

    def measure(self, what: str, since: float) -> None:
        """Keep how long something took, from a time of `time.monotonic`."""
        self.counts[what + MS] = round((time.monotonic() - since) * 1000)

    def violate(self, device: str, text: str) -> None:
        """A device was told what it must not be told."""
        self.note(device, f"VIOLATION {text}")
        self.violations.append(f"{device}: {text}")

    def tell(self) -> None:
        """Let those look again who wait for something."""
        for waiter in self._waiters:
            waiter.set()

    async def until(self, holds: Callable[[], bool], within: float = PATIENCE) -> None:
        """Wait until `holds`; looks again whenever something happens to a device.

        Raises:
            TimeoutError: it did not within so many seconds.
        """
        waiter = asyncio.Event()
        self._waiters.add(waiter)
        try:
            async with asyncio.timeout(within):
                while not holds():
                    waiter.clear()
                    await waiter.wait()
        finally:
            self._waiters.discard(waiter)

    async def hears(self, messages: int) -> None:
        """Wait until apps have heard so many messages more."""
        enough = self.counts["heard"] + messages
        await self.until(lambda: self.counts["heard"] >= enough)

    def of_call(self, call_id: str) -> Iterator[Entry]:
        """Everything about one call, and what happened to the streams of its devices."""
        about = [entry for entry in self.entries if call_of(entry) == call_id]
        if not about:
            return
        devices = {entry.device for entry in about}
        begin, end = about[0].at - _CONTEXT, about[-1].at + _CONTEXT
        for entry in self.entries:
            is_near = isinstance(entry, Noted) and begin <= entry.at <= end
            if call_of(entry) == call_id or (is_near and entry.device in {*devices, ""}):
                yield entry


_CONTEXT: Final = 5.0  # s; of a story, before and after the call


def call_of(entry: Entry) -> str:
    """The call that an entry is about, "" for none."""
    match entry:
        case Sent(request=request):
            return request.call_id
        case Heard(response=response):
            return response.call_id
    return ""


def _now() -> float:
    return time.monotonic()
