"""Which requests of a stream are served, and when: its pace, and its credentials."""

from signaling.v1 import signaling_pb2 as pb

from signaling_service.clock import sleep
from signaling_service.core.errors import BackendAwayError, RateLimitedError, RefusedError
from signaling_service.core.model import Device
from signaling_service.transport import errors
from signaling_service.transport.credentials import Credentials
from signaling_service.transport.errors import StreamEndedError
from signaling_service.transport.service import Service


def admit_stream(device: Device, service: Service) -> None:
    """Let a device open a stream.

    Raises:
        StreamEndedError: its user has opened too many.
    """
    if service.pacing.admits(device.user_id):
        raise StreamEndedError(errors.too_many_streams(service.pacing.rates.hellos))


async def admit(
    request: pb.ConnectRequest, kind: str | None, credentials: Credentials, service: Service
) -> RefusedError | None:
    """Wait until a request may be served; returns why not, if it is refused.

    The wait may be cancelled: nothing has happened then.

    Raises:
        StreamEndedError: it has the credentials of somebody else.
    """
    device = credentials.identity.device
    if kind == "offer":
        return await _admit_offer(device, service)
    if kind is None and request.seq:
        kind = ""  # a request that a newer client knows
    if delay := service.pacing.wait(device, kind):
        service.traffic.paced += 1
        await sleep(service.clock, delay)
    if kind == "refresh":
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
