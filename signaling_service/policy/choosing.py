"""The policy that a setting names."""

from signaling_service.clock import Clock
from signaling_service.policy import installed
from signaling_service.policy.base import EVERYBODY, CallPolicy
from signaling_service.policy.cached import Cached
from signaling_service.policy.location import PolicyLocation, is_url
from signaling_service.policy.remote import RemotePolicy


def choose(setting: str | None, clock: Clock) -> CallPolicy:
    """The policy at a URL, or the installed one of this name; everybody may call without one.

    Raises:
        Exception: whatever an installed package raises.
    """
    if setting is None:
        return EVERYBODY
    if is_url(setting):
        return Cached(RemotePolicy(PolicyLocation.parse(setting)), clock)
    return Cached(installed.load(setting), clock)
