"""Phones in networks of their own, wired to the service, to the relay, and to each other.

Every path is a wire of its own, and nothing forwards between them: a call that
has lost its direct wire has the relay, or nothing.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Final

from .network import Network, Wire, join, lose_the_rest, namespace

SERVICE_ADDRESS: Final = "10.80.0.1"
RELAY_ADDRESS: Final = "10.80.0.2"
_NUMBERS = count(1)


@dataclass(frozen=True)
class Core:
    """What everybody can reach: the networks of the service and of the relay."""

    service: Network
    relay: Network


@dataclass(frozen=True)
class Phone:
    """A phone's network and its wires, and whose it is."""

    user_id: str
    network: Network
    signal: Wire
    relay: Wire
    direct: Wire

    @property
    def wires(self) -> tuple[Wire, Wire, Wire]:
        """All of them."""
        return (self.signal, self.relay, self.direct)


@contextmanager
def core() -> Iterator[Core]:
    """Two networks that no phone is wired to yet."""
    name = f"signaling-e2e-{os.getpid()}"
    with (
        namespace(f"{name}-service", SERVICE_ADDRESS) as service,
        namespace(f"{name}-relay", RELAY_ADDRESS) as relay,
    ):
        lose_the_rest(service)
        lose_the_rest(relay)
        yield Core(service, relay)


@contextmanager
def two_phones(core: Core) -> Iterator[tuple[Phone, Phone]]:
    """Two more phones; the direct wire is between the two of them."""
    with ExitStack() as stack:
        first, second = (stack.enter_context(_phone(core, host)) for host in (10, 20))
        ends = [(phone.network, phone.direct.interface) for phone in (first, second)]
        join(ends[0], ends[1])
        for phone in (first, second):
            phone.direct.attach()
        yield first, second


@contextmanager
def _phone(core: Core, host: int) -> Iterator[Phone]:
    number = next(_NUMBERS)
    with namespace(f"signaling-e2e-{os.getpid()}-phone-{number}") as network:
        lose_the_rest(network)
        signal = Wire(network, "signal", f"10.81.{number}", SERVICE_ADDRESS)
        relay = Wire(network, "relay", f"10.82.{number}", RELAY_ADDRESS)
        # there is one such wire a pair of phones: all may have the same addresses
        direct = Wire(network, "direct", "10.83.0", host=host)
        for wire, far in ((signal, core.service), (relay, core.relay)):
            interface = f"phone-{number}"
            join((network, wire.interface), (far, interface))
            far.ip("address", "add", f"{wire.prefix}.1/24", "dev", interface)
            wire.attach()
        yield Phone(f"person-{number}", network, signal, relay, direct)
