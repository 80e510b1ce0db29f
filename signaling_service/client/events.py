"""What happens in a call, as classes to `match`. The words are the protocol's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from signaling.v1 import signaling_pb2 as pb

Description = str | bytes  # plain SDP, or what the apps have encrypted end to end
STATE_PREFIX: Final = "PEER_CONNECTION_STATE_"


@dataclass(frozen=True, slots=True)
class Waiting:
    """To the caller: nobody is connected, the offer waits."""


@dataclass(frozen=True, slots=True)
class Ringing:
    """To the caller: a device rings."""

    device: pb.Device


@dataclass(frozen=True, slots=True)
class Busy:
    """To the caller: a device is busy."""

    device: pb.Device


@dataclass(frozen=True, slots=True)
class Rejected:
    """To the caller: a device cannot take such a call."""

    device: pb.Device


@dataclass(frozen=True, slots=True)
class Away:
    """The peer has lost its stream. Media may well go on."""

    device: pb.Device


@dataclass(frozen=True, slots=True)
class Back:
    """The peer has its stream again."""

    device: pb.Device


@dataclass(frozen=True, slots=True)
class Won:
    """The answer of this device is the one that counts: now setLocalDescription, not before."""


@dataclass(frozen=True, slots=True)
class Offered:
    """The peer renegotiates, or restarts ICE: roll back an offer of your own, then answer."""

    description: Description = field(repr=False)
    negotiation: int


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to this device's offer."""

    description: Description = field(repr=False)
    sender: pb.Device
    negotiation: int


@dataclass(frozen=True, slots=True)
class Candidates:
    """ICE candidates of the peer, in order; an empty one says that there are no more."""

    candidates: tuple[pb.IceCandidate, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class PeerState:
    """What the peer's RTCPeerConnection reports: W3C's word, such as "failed"."""

    state: str


@dataclass(frozen=True, slots=True)
class Reconnect:
    """The connection failed. With `RECONNECT_ROLE_OFFER` restart ICE and offer, else wait."""

    role: pb.ReconnectRole.ValueType
    attempt: int
    transport_policy: pb.TransportPolicy.ValueType
    ice_servers: tuple[pb.IceServer, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class AppMessage:
    """Whatever two apps agree on; to send, too."""

    body: bytes = field(repr=False)
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """A request was refused.

    Attributes:
        request: "call" for a first offer, else the member of `ConnectRequest.payload`; empty
            if it was too long ago.
        code: what kind of mistake.
        detail: for a developer.
        error: the whole of it.
    """

    request: str
    code: pb.ErrorCode.ValueType
    detail: str = field(repr=False)
    error: pb.RequestError = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over: the service says so, or could not store its offer before the hangup.

    Last of a call.
    """

    reason: pb.EndReason.ValueType
    ended_by: pb.Device | None = None
    text: str = ""
    replaced_by: str = ""  # the id of the call that lives instead, with END_REASON_REPLACED


class Cause(Enum):
    """Why a call is over without a word of the service."""

    REFUSED = "refused"  # the `Refused` before it says why; there is no such call
    SESSION = "session"  # this device was away for too long, or the service lost its memory
    UNREAD = "unread"  # nobody read the call's events; it was hung up
    CLOSED = "closed"  # the client has stopped


@dataclass(frozen=True, slots=True)
class Lost:
    """The call is over for this device, and the service did not say so. Last of a call."""

    cause: Cause


CallEvent = (
    Waiting
    | Ringing
    | Busy
    | Rejected
    | Away
    | Back
    | Won
    | Offered
    | Answered
    | Candidates
    | PeerState
    | Reconnect
    | AppMessage
    | Refused
    | Ended
    | Lost
)


def call_event(response: pb.ConnectResponse) -> CallEvent | None:
    """The event that a response about a call is, None if it is none that this client knows."""
    make = EVENTS.get(response.WhichOneof("payload") or "")
    return make(response) if make else None


def ended_event(ended: pb.CallEnded) -> Ended:
    """The end of a call, as the service tells it."""
    ended_by = ended.ended_by if ended.HasField("ended_by") else None
    return Ended(ended.reason, ended_by, ended.text, ended.replaced_by)


def description_of(message: pb.SdpOffer | pb.SdpAnswer) -> Description:
    """What the peer has sent: text if it is plain."""
    return message.sealed if message.HasField("sealed") else message.sdp


def state_name(state: pb.PeerConnectionState.ValueType) -> str:
    """W3C's word; empty for one that this client does not know."""
    known = pb.PeerConnectionState.values()
    return pb.PeerConnectionState.Name(state)[len(STATE_PREFIX) :].lower() if state in known else ""


def state_value(name: str) -> pb.PeerConnectionState.ValueType:
    """The wire's value of W3C's word.

    Raises:
        ValueError: W3C has no such word.
    """
    return pb.PeerConnectionState.Value(STATE_PREFIX + name.upper())


def _offered(response: pb.ConnectResponse) -> Offered:
    return Offered(description_of(response.offer), response.offer.negotiation)


def _answered(response: pb.ConnectResponse) -> Answered:
    answer = response.answer
    return Answered(description_of(answer), response.sender, answer.negotiation)


def _progress(response: pb.ConnectResponse) -> CallEvent | None:
    make = PROGRESS.get(response.progress.kind)
    return make(response.progress.device) if make else None


def _reconnect(response: pb.ConnectResponse) -> Reconnect:
    advice = response.reconnect
    servers = tuple(advice.ice_servers)
    return Reconnect(advice.role, advice.attempt, advice.transport_policy, servers)


def _app_message(response: pb.ConnectResponse) -> AppMessage:
    return AppMessage(response.app_message.body, response.app_message.content_type)


PROGRESS: Final[Mapping[int, Callable[[pb.Device], CallEvent]]] = {
    pb.PROGRESS_KIND_WAITING: lambda _device: Waiting(),
    pb.PROGRESS_KIND_RINGING: Ringing,
    pb.PROGRESS_KIND_BUSY: Busy,
    pb.PROGRESS_KIND_REJECTED: Rejected,
    pb.PROGRESS_KIND_AWAY: Away,
    pb.PROGRESS_KIND_BACK: Back,
    pb.PROGRESS_KIND_WON: lambda _device: Won(),
}
EVENTS: Final[Mapping[str, Callable[[pb.ConnectResponse], CallEvent | None]]] = {
    "offer": _offered,
    "answer": _answered,
    "candidates": lambda response: Candidates(tuple(response.candidates.candidates)),
    "progress": _progress,
    "connection_state": lambda response: PeerState(state_name(response.connection_state.state)),
    "reconnect": _reconnect,
    "app_message": _app_message,
    "ended": lambda response: ended_event(response.ended),
}
