"""The events that are read and not posted yet: what is in which order, and how far all is done."""

from collections import deque
from typing import Final

from signaling.v1 import calls_pb2 as calls

SIZE: Final = 1024  # events, some KiB each: all that a receiver that is away costs in memory


class Post:
    """An event that has to be posted, and is known by its `lane`: of one lane one at a time."""

    __slots__ = ("event", "is_done", "lane")

    def __init__(self, event: calls.SignalingEvent, lane: str) -> None:
        self.event = event
        self.lane = lane
        self.is_done = False

    @property
    def happened_at(self) -> float:
        """When it happened; seconds since the epoch."""
        return self.event.time.ToNanoseconds() / 1e9


class Window:
    """Part of the log, from a cursor on.

    Events of one call are a lane, so are those of one device. `position` is the cursor up to
    which all is done.
    """

    def __init__(self, position: str) -> None:
        self.position = position
        self._posts: deque[Post] = deque()
        self._lanes: dict[str, deque[Post]] = {}

    @property
    def room(self) -> int:
        """How many more events it takes."""
        return SIZE - len(self._posts)

    @property
    def oldest_at(self) -> float | None:
        """When the first event that is not done happened, None if all are; for any thread."""
        try:
            return self._posts[0].happened_at
        except IndexError:
            return None

    def add(self, event: calls.SignalingEvent) -> Post | None:
        """Take the next event of the log; returns it if it can be posted at once."""
        post = Post(event, _lane_of(event))
        self._posts.append(post)
        lane = self._lanes.setdefault(post.lane, deque())
        lane.append(post)
        return post if len(lane) == 1 else None

    def pass_over(self, event: calls.SignalingEvent) -> None:
        """Take the next event of the log, which nobody wants."""
        post = Post(event, "")
        self._posts.append(post)
        self._settle(post)

    def skip_to(self, cursor: str) -> None:
        """What comes next is behind this cursor."""
        if not self._posts:
            self.position = cursor

    def finish(self, post: Post) -> Post | None:
        """It is done; returns what can be posted now."""
        lane = self._lanes[post.lane]
        lane.popleft()
        if not lane:
            del self._lanes[post.lane]
        self._settle(post)
        return lane[0] if lane else None

    def _settle(self, post: Post) -> None:
        post.is_done = True
        while self._posts and self._posts[0].is_done:
            self.position = self._posts.popleft().event.cursor


def _lane_of(event: calls.SignalingEvent) -> str:
    kind = event.WhichOneof("event")
    member = getattr(event, kind) if kind else None
    if isinstance(member, calls.DeviceConnectedEvent | calls.DeviceDisconnectedEvent):
        return f"{member.device.user_id} {member.device.device_id}"  # no id of a call has a space
    return str(member.call_id) if member is not None else ""
