"""Every input that is kept, and every seed, once more."""

import pytest

from tests.fuzz import corpus
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_whatever_bytes_come_the_answer_is_definite(name: str) -> None:
    """What once led a fuzzer somewhere new, or broke something, breaks nothing now."""
    target = TARGETS[name]
    for data in {**target.seeds(), **corpus.read(name)}.values():
        target.take(data)
