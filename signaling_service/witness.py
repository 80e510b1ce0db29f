"""Who looks on while a node serves: its log, its traces, and whoever counts."""

from collections.abc import Callable, Sequence

from signaling_service.core.model import Call
from signaling_service.journal import Journal
from signaling_service.tracing.base import OFF, Tracer

Observe = Callable[[Call | None, Call, float], None]  # a call before and after a step, and when


class Witness:
    """Tells `journal` and `tracer` what a node does, and `observers` too how calls get on."""

    def __init__(
        self, journal: Journal, tracer: Tracer = OFF, observers: Sequence[Observe] = ()
    ) -> None:
        self.journal = journal
        self.tracer = tracer
        self._observers = (*observers, journal.observe, tracer.observe)

    def observe(self, before: Call | None, after: Call | None, now: float) -> None:
        """Let everybody look at a step, if it has brought the call into another state."""
        if after is not None and (before is None or before.state is not after.state):
            for observe in self._observers:
                observe(before, after, now)
