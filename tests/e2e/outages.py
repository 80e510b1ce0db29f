"""What goes wrong with networks in the middle of a call.

Each outage is played once, on phones of its own, and what both devices tell is recorded.
Nothing here claims anything, but that what is waited for happens in time.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .endpoint import Endpoint, Event, endpoint
from .phones import Core, Phone, two_phones
from .relay import Relay

PROGRAM: Final = str(Path(__file__).parent / "node" / "endpoint.js")
KEEPALIVE: Final = 2.0  # s; both sides find a dead connection in twice this
OUTAGE_TIMEOUT: Final = 60.0  # s until media flows again: three attempts and more
END_TIMEOUT: Final = 100.0  # s: 30 s to connect at first, 30 s for the attempts, a busy machine
FROZEN_FOR: Final = 10.0  # s; an app that its system lets sleep

LIMITS: Final = {
    "KEEPALIVE_SECONDS": KEEPALIVE,
    "KEEPALIVE_TIMEOUT_SECONDS": KEEPALIVE,
    "CLIENT_PING_SECONDS": KEEPALIVE,
}


@dataclass(frozen=True)
class Stage:
    """What a call is played on: the networks, and the relay and the service in them."""

    core: Core
    relay: Relay
    address: str


@dataclass
class Call:
    """A call between two phones, with the points in time that its outage has."""

    phones: tuple[Phone, Phone]
    caller: Endpoint
    callee: Endpoint
    lost_at: float = 0  # seconds since 1970, as everything else that is recorded
    healed_at: float = 0
    heard_at: float = 0  # by the last who had lost the other's voice
    pairs: list[Event] = field(default_factory=list)  # in use afterwards

    @property
    def sides(self) -> tuple[Endpoint, Endpoint]:
        """Both of its devices, the caller first."""
        return (self.caller, self.callee)


Outage = Callable[[Call], None]


def play(stage: Stage, outage: Outage) -> Call:
    """Let an outage happen to a call; returns what was recorded of it."""
    with _call(stage) as call:
        outage(call)
        for side in call.sides:
            side.leave()
        return call


def direct_path_lost(call: Call) -> None:
    """The wire between the phones breaks."""
    _connect(call)
    call.phones[0].direct.cut()
    call.lost_at = time.time()
    _talk_again(call, relayed=True)
    _hang_up(call)


def direct_path_lost_with_relays(call: Call) -> None:
    """The wire between the phones breaks, and ICE has known the relay from the start."""
    _connect(call, relays=True)
    call.phones[0].direct.cut()
    call.lost_at = time.time()
    call.heard_at = max(_hear(side, call) for side in call.sides)
    call.pairs = [_pair(side, relayed=True) for side in call.sides]
    _hang_up(call)


def signaling_lost(call: Call) -> None:
    """The caller's wire to the service breaks, and is mended when the callee knows."""
    _connect(call)
    call.phones[0].signal.cut()
    call.lost_at = time.time()
    call.callee.wait_for("progress", kind="PROGRESS_KIND_AWAY")
    for text in ("one", "two"):
        for side in call.sides:
            side.do("say", text=text)
    for side in call.sides:
        _echo(side, "away")
    call.phones[0].signal.mend()
    call.healed_at = time.time()
    call.callee.wait_for("progress", kind="PROGRESS_KIND_BACK")
    for side in call.sides:
        side.wait_for("said", text="two")
    _hang_up(call)


def both_lost(call: Call) -> None:
    """The wire between the phones and the caller's wire to the service break together.

    The one to the service is mended as soon as the callee has been advised.
    """
    _connect(call)
    for wire in (call.phones[0].direct, call.phones[0].signal):
        wire.cut()
    call.lost_at = time.time()
    call.callee.wait_for("progress", kind="PROGRESS_KIND_AWAY")
    call.callee.wait_for("reconnect", timeout=OUTAGE_TIMEOUT)
    call.phones[0].signal.mend()
    call.healed_at = time.time()
    _talk_again(call, relayed=True)
    _hang_up(call)


def callee_frozen(call: Call) -> None:
    """The callee's system lets its app sleep, and wakes it again."""
    _connect(call)
    call.lost_at = call.callee.freeze()
    call.caller.wait_for("progress", kind="PROGRESS_KIND_AWAY")
    call.caller.expect_no("ended", until=call.lost_at + FROZEN_FOR)
    call.healed_at = call.callee.thaw()
    call.heard_at = _hear(call.caller, call)  # the callee slept through the silence
    _settle(call, relayed=False)
    call.caller.wait_for("progress", kind="PROGRESS_KIND_BACK")
    _hang_up(call)


def nothing_helps(call: Call) -> None:
    """The wire between the phones breaks, and the callee's to the relay with it."""
    _connect(call)
    for wire in (call.phones[0].direct, call.phones[1].relay):
        wire.cut()
    call.lost_at = time.time()
    for side in call.sides:
        side.wait_for("ended", timeout=END_TIMEOUT)


def never_connected(call: Call) -> None:
    """There is no way between the phones from the start."""
    for wire in (call.phones[0].direct, call.phones[1].relay):
        wire.cut()
    call.lost_at = time.time()
    call.caller.do("call", to=call.phones[1].user_id)
    for side in call.sides:
        side.wait_for("ended", timeout=END_TIMEOUT)


def phone_moves(call: Call) -> None:
    """The caller's phone has another address everywhere, from one instant to the next."""
    _connect(call)
    for wire in call.phones[0].wires:
        wire.move()
    call.lost_at = time.time()
    call.healed_at = call.caller.wait_for("welcome", after=call.lost_at, resumed=True)["at"]
    _talk_again(call, relayed=False)
    _hang_up(call)


@contextmanager
def _call(stage: Stage) -> Iterator[Call]:
    """Two phones whose devices are connected to the service."""
    with ExitStack() as stack:
        phones = stack.enter_context(two_phones(stage.core))
        caller, callee = (
            stack.enter_context(endpoint(phone.network, _command(stage, phone))) for phone in phones
        )
        for side in (caller, callee):
            side.wait_for("welcome")
        yield Call(phones, caller, callee)


def _command(stage: Stage, phone: Phone) -> tuple[str, ...]:
    node = shutil.which("node")
    assert node is not None, "no Node.js: run scripts/install-e2e.sh"
    who = ("--user", phone.user_id, "--device", "phone", "--keepalive", f"{KEEPALIVE:g}")
    return (node, PROGRAM, "--address", stage.address, *who)


def _connect(call: Call, *, relays: bool = False) -> None:
    """Make the call, and see that it goes over the wire between the phones.

    ICE knows of relays from the start, or not before it is told by an advice.
    """
    call.callee.do("expect", relays=relays)
    call.caller.do("call", to=call.phones[1].user_id, relays=relays)
    for side in call.sides:
        side.wait_for("talking")
        _pair(side, relayed=False)


def _talk_again(call: Call, *, relayed: bool) -> None:
    """Both hear each other, and ICE has restarted."""
    call.heard_at = max(_hear(side, call) for side in call.sides)
    _settle(call, relayed=relayed)


def _hear(side: Endpoint, call: Call) -> float:
    heard = side.wait_for("heard", after=call.lost_at, timeout=OUTAGE_TIMEOUT)
    return float(heard["at"])


def _settle(call: Call, *, relayed: bool) -> None:
    for side in call.sides:
        side.wait_for("negotiated", after=call.lost_at, timeout=OUTAGE_TIMEOUT)
    call.pairs = [_pair(side, relayed=relayed) for side in call.sides]
    for side in call.sides:
        _echo(side, "again")


def _pair(side: Endpoint, *, relayed: bool) -> Event:
    asked_at = time.time()
    side.do("pair", relayed=relayed)
    return side.wait_for("pair", after=asked_at, timeout=OUTAGE_TIMEOUT)


def _echo(side: Endpoint, word: str) -> None:
    side.do("echo", word=word)
    side.wait_for("echoed", word=word, timeout=OUTAGE_TIMEOUT)


def _hang_up(call: Call) -> None:
    call.caller.do("hangup")
    for side in call.sides:
        side.wait_for("ended")
