"""What credentials come to, and what can be wrong with them."""

from enum import StrEnum
from typing import Final, NamedTuple

from signaling_service.core.errors import SignalingError
from signaling_service.core.model import Device

NEVER: Final = float("inf")


class Role(StrEnum):
    """What somebody may do here, as the claim `role` says it."""

    DEVICE = "device"
    SERVICE = "service"


class Identity(NamedTuple):
    """Somebody whose credentials were good; times are seconds since the epoch.

    A service is one by its `user_id`, and has no `device_id`. What is no token was not
    issued, and is never too old.
    """

    device: Device
    role: Role = Role.DEVICE
    issued_at: float = NEVER
    expires_at: float = NEVER


class BadCredentialsError(SignalingError):
    """Nobody comes in with these. `str()` is one of a few fixed texts, safe to tell anybody.

    `is_forged` tells a signature or a key that is not ours from an honest mistake, such as
    a token that is over.
    """

    def __init__(self, text: str, *, is_forged: bool = False) -> None:
        super().__init__(text)
        self.is_forged = is_forged


class KeysAwayError(SignalingError):
    """There are no keys to check credentials with: nobody comes in until there are."""
