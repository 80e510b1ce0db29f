"""The first response of a stream."""

from signaling.v1 import signaling_pb2 as pb

from signaling_service.connection import Connection
from signaling_service.core.rules import Limits
from signaling_service.transport.service import Service


def welcome(connection: Connection, service: Service) -> pb.ConnectResponse:
    """What a device has to know of its session, and of the service."""
    message = pb.Welcome(
        session_id=connection.session_id,
        resumed=connection.is_resumed,
        last_seq=connection.last_seq,
        ice_servers=service.ice.issue(service.clock.now()),
        limits=_limits(service.rules.limits),
        calls=connection.calls,
    )
    message.resume_window.FromMilliseconds(round(service.rules.resume_window * 1000))
    return pb.ConnectResponse(welcome=message)


def _limits(limits: Limits) -> pb.Limits:
    """The limits that a client can keep to."""
    names = (field.name for field in pb.Limits.DESCRIPTOR.fields)
    return pb.Limits(**{name: getattr(limits, name) for name in names})
