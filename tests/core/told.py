"""What other services were told of calls and devices: all of it, in order, once."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from signaling.v1 import calls_pb2

from tests.core.app import App

# of a call that is over, from its first event to its last
STORY: Final = re.compile(
    r"(offer_pending offer_settled (call_answered (call_connected )?)?)?call_ended "
)


def check_events(events: Iterable[calls_pb2.SignalingEvent], apps: Iterable[App]) -> None:
    """Check the events of calls that are over, and of devices that have gone."""
    calls: dict[str, str] = defaultdict(str)
    devices: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for event in events:
        kind = event.WhichOneof("event")
        if kind in ("device_connected", "device_disconnected"):
            device = getattr(event, kind).device
            devices[device.user_id, device.device_id].append(kind == "device_connected")
        elif kind is not None:
            calls[getattr(event, kind).call_id] += f"{kind} "
    for call_id, story in calls.items():
        assert STORY.fullmatch(story), (call_id, story)
    for told in devices.values():
        check_turns(told)
    for app in apps:
        assert app.ended.keys() <= calls.keys(), "whoever was told of an end is not alone"


def check_turns(is_there: Sequence[bool]) -> None:
    """A device comes before it goes, and goes before it comes again."""
    assert is_there[0]
    assert not is_there[-1]
    assert all(one is not other for one, other in pairwise(is_there))
