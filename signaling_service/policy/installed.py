"""Policies that installed packages offer as entry points."""

from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from signaling_service.policy.base import CallPolicy

GROUP: Final = "signaling_service.call_policy"


def names() -> list[str]:
    """The names there are."""
    return sorted(_found())


def load(name: str) -> CallPolicy:
    """Make the policy of this name.

    Raises:
        Exception: whatever its package raises, or KeyError if there is none.
    """
    make: Any = _found()[name].load()
    policy: CallPolicy = make()
    return policy


def _found() -> dict[str, EntryPoint]:
    return {each.name: each for each in entry_points(group=GROUP)}
