"""Which requests of a stream are served, and when: its pace, and its credentials."""

from collections.abc import Awaitable
from typing import Final

from signaling.v1 import signaling_pb2 as pb

from signaling_service.clock import sleep
from signaling_service.core.errors import (
    BackendAwayError,
    RateLimitedError,
    RefusedError,
    UnavailableError,
)
from signaling_service.core.model import Device
from signaling_service.core.requests import is_valid_call_id
from signaling_service.transport import errors
from signaling_service.transport.credentials import Credentials
from signaling_service.transport.errors import StreamEndedError
from signaling_service.transport.service import Service

BACKEND_RETRY: Final = 1.0  # s; after so long a device may try again what could not be stored

Admission = Awaitable[RefusedError | None]  # why a request is refused, if it is


def admit_stream(device: Device, service: Service) -> None:
    """Let a device open a stream.

    Raises:
        StreamEndedError: its user has opened too many.
    """
    if service.pacing.admits(device.user_id):
        raise StreamEndedError(errors.too_many_streams(service.pacing.rates.hellos))


def admit(
    request: pb.ConnectRequest, kind: str | None, credentials: Credentials, service: Service
) -> Admission | None:
    """Let a request be served at once, or say what to await first.

    That may be cancelled: nothing has happened then. It raises a StreamEndedError if the
    request has the credentials of somebody else.
    """
    device = credentials.identity.device
    if kind == "offer":
        return _admit_offer(device, service)
    if kind is None and request.seq:
        kind = ""  # a request that a newer client knows
    delay = service.pacing.wait(device, kind)
    if delay or kind == "refresh":
        return _admit_late(request, delay, credentials, service)
    return None


async def _admit_late(
    request: pb.ConnectRequest, delay: float, credentials: Credentials, service: Service
) -> RefusedError | None:
    if delay:
        service.traffic.paced += 1
        await sleep(service.clock, delay)
    if request.HasField("refresh"):
        return await credentials.renew(request.refresh.access_token, service.registry.is_revoked)
    return None


async def _admit_offer(device: Device, service: Service) -> RefusedError | None:
    """Somebody waits for a phone to ring: an offer that is too early hears it at once."""
    rate = service.pacing.rates.offers
    try:
        left = await service.registry.take(f"offers {' '.join(device)}", rate)
    except BackendAwayError:
        return None  # the offer itself gets no further, and is answered then
    if left >= 0:
        return None
    return RateLimitedError(f"offer: {rate}", retry_after=-left / rate.per_second)


def unrecorded(request: pb.ConnectRequest) -> pb.ConnectResponse:
    """The error that answers what the backend cannot record: no mailbox has it.

    The request is neither numbered nor acknowledged.
    """
    away = UnavailableError("not known to be stored: try again", retry_after=BACKEND_RETRY)
    call_id = request.call_id if is_valid_call_id(request.call_id) else ""
    return pb.ConnectResponse(call_id=call_id, error=away.message(request.seq))
