"""The calls that a node has seen lately: a step on one of them need not read first."""

from collections import OrderedDict
from typing import Final

from signaling_service.backends.views import Known, View, with_counts_of

CALLS_KNOWN: Final = 2048  # that a node remembers; others it looks up again
NOTHING: Final = Known(None)


class KnownCalls:
    """Calls as they were last seen: they may be stale, and a step finds out."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Known] = OrderedDict()

    def __contains__(self, call_id: str) -> bool:
        return call_id in self._known

    def get(self, call_id: str) -> Known:
        """A call, as it was last seen here."""
        return self._known.get(call_id, NOTHING)

    def remember(self, call_id: str, known: Known) -> None:
        """Keep a call as it was seen."""
        self._known.pop(call_id, None)
        if known.call is not None:
            self._known[call_id] = known
            if len(self._known) > CALLS_KNOWN:
                self._known.popitem(last=False)

    def learn(self, view: View, written: Known, *, is_whole: bool) -> None:
        """Keep a call as this step has left it, beside what others relayed meanwhile."""
        kept = self._known.get(view.call_id)
        if not is_whole:  # somebody else's candidates are held too
            written = NOTHING
        elif kept is not None and kept is not view.known and kept.version == written.version:
            written = with_counts_of(written, kept)
        self.remember(view.call_id, written)

    def forget(self, call_id: str) -> None:
        """Look it up again."""
        self._known.pop(call_id, None)
