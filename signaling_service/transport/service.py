"""What every stream of a node works with."""

from dataclasses import dataclass, field

from signaling_service.auth.authenticator import Authenticator
from signaling_service.clock import Clock
from signaling_service.core.rules import Rules
from signaling_service.ice import IceProvider
from signaling_service.metrics.traffic import Traffic
from signaling_service.registry import CallRegistry
from signaling_service.transport.pacing import Pacing
from signaling_service.transport.writes import WriteWatch
from signaling_service.witness import Witness


@dataclass(frozen=True, slots=True)
class Service:
    """The parts of a node that its streams share."""

    registry: CallRegistry
    clock: Clock
    rules: Rules
    pacing: Pacing
    ice: IceProvider
    authenticator: Authenticator
    writes: WriteWatch
    witness: Witness
    traffic: Traffic = field(default_factory=Traffic)
