"""Whoever they say they are: for development, on loopback alone."""

from collections.abc import Sequence

from signaling_service.auth.identity import BadCredentialsError, Identity, Role
from signaling_service.core.model import Device
from signaling_service.core.requests import is_valid_id

Metadata = Sequence[tuple[str, str | bytes]]


def dev_identity(metadata: Metadata) -> Identity:
    """Whom `user-id`, `device-id` and `role` claim; a service needs no `user-id`.

    Raises:
        BadCredentialsError: one is missing, twice there, or malformed.
    """
    roles = [value for name, value in metadata if name == "role"]
    if roles == [Role.SERVICE.value]:
        return Identity(Device("dev", ""), Role.SERVICE)
    if roles not in ([], [Role.DEVICE.value]):
        raise BadCredentialsError("role: is device or service")
    return Identity(Device(_only(metadata, "user-id"), _only(metadata, "device-id")))


def _only(metadata: Metadata, key: str) -> str:
    values = [value for name, value in metadata if name == key]
    if len(values) != 1 or not isinstance(values[0], str) or not is_valid_id(values[0]):
        raise BadCredentialsError("user-id and device-id are needed")
    return values[0]
