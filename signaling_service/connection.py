"""An open session, as whoever carries its stream sees it."""

from collections.abc import Sequence
from dataclasses import dataclass

from signaling.v1 import signaling_pb2 as pb

from signaling_service.backends.base import StreamId
from signaling_service.core.mailbox import Entry


@dataclass(frozen=True, slots=True)
class Connection:
    """An open session: its stream, and what its welcome says."""

    stream: StreamId
    session_id: str
    is_resumed: bool
    received: int  # the highest request seq processed
    acked: int  # the highest response seq acknowledged
    backlog: Sequence[Entry]
    calls: Sequence[pb.CallSnapshot]

    @property
    def last_seq(self) -> int:
        """The seq of the last message in the backlog."""
        return self.backlog[-1].seq if self.backlog else self.acked
