"""What can happen to a call, in the words of the devices."""

from datetime import timedelta
from typing import Any

from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Device, Event
from tests.core.names import BOB, CALL_ID, CALLEES_SDP, CALLERS_SDP, RESTART_SDP, SESSION

CLOCK = Event("deadline")  # a sweep: whatever has passed is due


def request_from(
    device: Device, call_id: str = CALL_ID, session: int = SESSION, **payload: Any
) -> Event:
    """A request of a device; its one payload names what it is."""
    (kind,) = payload
    return Event(kind, device, session, pb.ConnectRequest(call_id=call_id, **payload))


def offer_from(
    device: Device,
    to: str = BOB,
    *,
    at: Device | None = None,
    ring_timeout: float | None = None,
    call_id: str = CALL_ID,
    **fields: Any,
) -> Event:
    """A first offer: to all devices of a user, or to the one it is `at`."""
    offer = pb.SdpOffer(recipient_user_id=to, **{"sdp": CALLERS_SDP, **fields})
    if at is not None:
        offer.recipient_user_id, offer.recipient_device_id = at
    if ring_timeout is not None:
        offer.ring_timeout.FromTimedelta(timedelta(seconds=ring_timeout))
    return request_from(device, call_id, offer=offer)


def reoffer_from(device: Device, description: str = RESTART_SDP) -> Event:
    """An offer within a call: a renegotiation or an ICE restart."""
    return request_from(device, offer=pb.SdpOffer(sdp=description))


def answer_from(
    device: Device,
    description: str = CALLEES_SDP,
    negotiation: int = 0,
    session: int = SESSION,
) -> Event:
    """An answer, to the open offer if no other is named."""
    answer = pb.SdpAnswer(sdp=description, negotiation=negotiation)
    return request_from(device, session=session, answer=answer)


def candidates_from(device: Device, *candidates: str | pb.IceCandidate) -> Event:
    """Candidates in one message, as lines or whole."""
    message = pb.IceCandidates(
        candidates=[
            pb.IceCandidate(candidate=one) if isinstance(one, str) else one for one in candidates
        ]
    )
    return request_from(device, candidates=message)


def ringing_from(device: Device) -> Event:
    """The device rings."""
    return request_from(device, ringing=pb.Ringing())


def reject_from(
    device: Device, reason: pb.RejectReason.ValueType = pb.REJECT_REASON_DECLINED
) -> Event:
    """The device says no."""
    return request_from(device, reject=pb.Reject(reason=reason))


def hangup_from(device: Device, text: str | None = None) -> Event:
    """The device cancels, declines or hangs up."""
    return request_from(device, hangup=pb.Hangup(text=text))


def reports(device: Device, state: pb.PeerConnectionState.ValueType) -> Event:
    """The device reports how its peer connection is."""
    return request_from(device, connection_state=pb.ConnectionState(state=state))


def connected(device: Device) -> Event:
    """Media flows, says the device."""
    return reports(device, pb.PEER_CONNECTION_STATE_CONNECTED)


def connecting(device: Device) -> Event:
    """ICE is at work, says the device."""
    return reports(device, pb.PEER_CONNECTION_STATE_CONNECTING)


def disconnected(device: Device) -> Event:
    """Nothing comes any more, says the device; it may heal."""
    return reports(device, pb.PEER_CONNECTION_STATE_DISCONNECTED)


def failed(device: Device) -> Event:
    """The peer connection failed, says the device."""
    return reports(device, pb.PEER_CONNECTION_STATE_FAILED)


def app_message_from(device: Device, body: bytes = b"hold") -> Event:
    """Whatever two apps agree on."""
    return request_from(device, app_message=pb.AppMessage(content_type="text/plain", body=body))


def attached(device: Device, session: int = SESSION) -> Event:
    """The device has a stream."""
    return Event("attached", device, session)


def detached(device: Device, session: int = SESSION) -> Event:
    """The device's stream is lost."""
    return Event("detached", device, session)


def gone(device: Device, session: int = SESSION) -> Event:
    """The device's session is over."""
    return Event("gone", device, session)


def overflow(device: Device) -> Event:
    """The device has stopped listening."""
    return Event("overflow", device)
