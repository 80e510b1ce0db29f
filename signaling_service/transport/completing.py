"""What of a message is only known when it is sent."""

from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.mailbox import Entry
from signaling_service.transport.service import Service


def completed(entry: Entry, service: Service) -> bytes:
    """The body as it is true now: the time left to ring, credentials that are fresh."""
    if entry.ring_deadline is None and entry.kind != "reconnect":
        return entry.body
    now = service.clock.now()
    response = pb.ConnectResponse.FromString(entry.body)
    if entry.ring_deadline is None:
        response.reconnect.ice_servers.extend(service.ice.issue(now))
    else:
        left = max(entry.ring_deadline - now, 0)
        response.offer.ring_timeout.FromMilliseconds(round(left * 1000))
    return response.SerializeToString()
