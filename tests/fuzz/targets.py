"""What is fuzzed: functions that take any bytes and assert something of them."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from tests.fuzz import door, seeds, texts
from tests.fuzz.form import request
from tests.fuzz.story import story


class Target(NamedTuple):
    """A function that takes any bytes, and what to begin with; `longest` is in bytes."""

    take: Callable[[bytes], None]
    seeds: Callable[[], Mapping[str, bytes]]
    longest: int


TARGETS: Final[Mapping[str, Target]] = {
    "requests": Target(request, seeds.requests, longest=1024),
    "stories": Target(story, seeds.stories, longest=120),
    "credentials": Target(door.door, door.seeds, longest=512),
    "texts": Target(texts.text, texts.seeds, longest=512),
}
