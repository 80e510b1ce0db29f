"""Who a stream belongs to. The identity comes from the request metadata alone."""

from collections.abc import Sequence

from signaling_service.core.model import Device
from signaling_service.core.requests import is_valid_id
from signaling_service.transport import errors
from signaling_service.transport.errors import StreamEndedError

Metadata = Sequence[tuple[str, str | bytes]]


def dev_identity(metadata: Metadata) -> Device:
    """The device that `user-id` and `device-id` claim: for development, on loopback.

    Raises:
        StreamEndedError: UNAUTHENTICATED; one is missing, twice there, or malformed.
    """
    return Device(_only(metadata, "user-id"), _only(metadata, "device-id"))


def _only(metadata: Metadata, key: str) -> str:
    values = [value for name, value in metadata if name == key]
    if len(values) != 1 or not isinstance(values[0], str) or not is_valid_id(values[0]):
        raise StreamEndedError(errors.BAD_IDENTITY)
    return values[0]
