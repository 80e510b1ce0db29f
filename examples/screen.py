"""What the demonstrations show: a ladder of the messages, as their devices write and read them."""

from typing import Final

from rich.console import Console
from signaling.v1 import signaling_pb2 as pb

from examples.aiortc_peer import Message, Peer
from examples.ladder import LiveLadder

SERVICE: Final = "service"
STYLES: Final = {
    "welcome": "dim",
    "offer": "bold cyan",
    "answer": "bold cyan",
    "candidates": "yellow",
    "ringing": "magenta",
    "progress": "magenta",
    "connection_state": "green",
    "reconnect": "bold yellow",
    "app_message": "cyan",
    "hangup": "red",
    "ended": "red",
}


class Screen:
    """A ladder with the service as its second lifeline.

    Args:
        console: where to.
        names: the devices, from left to right.
    """

    def __init__(self, console: Console, *names: str) -> None:
        self.ladder = LiveLadder(console, [names[0], SERVICE, *names[1:]])

    def show(self, peer: Peer, message: Message) -> None:
        """Draw a message: a peer's `observe`."""
        label = describe(message)
        if label is None:
            return
        style = STYLES[message.WhichOneof("payload") or ""]
        if isinstance(message, pb.ConnectRequest):
            self.ladder.arrow(peer.name, SERVICE, label, style)
        else:
            self.ladder.arrow(SERVICE, peer.name, label, style)


def describe(message: Message) -> str | None:
    """What the ladder says of a message, None for what it leaves out."""
    kind = message.WhichOneof("payload")
    match kind:
        case "candidates":
            count = sum(bool(one.candidate) for one in message.candidates.candidates)
            return f"{count} candidate{'s' * (count != 1)}"
        case "connection_state":
            state = pb.PeerConnectionState.Name(message.connection_state.state)
            return state.removeprefix("PEER_CONNECTION_STATE_").lower()
        case "app_message":
            return f"“{message.app_message.body.decode()}”"
    if isinstance(message, pb.ConnectResponse):
        return describe_response(message)
    return kind if kind in STYLES else None


def describe_response(response: pb.ConnectResponse) -> str | None:
    """The same of what only the service says."""
    kind = response.WhichOneof("payload")
    match kind:
        case "welcome" if response.welcome.resumed:
            return "welcome back"
        case "progress":
            progress = pb.ProgressKind.Name(response.progress.kind).removeprefix("PROGRESS_KIND_")
            is_about_other = response.progress.kind != pb.PROGRESS_KIND_WON
            device_id = response.progress.device.device_id
            return f"{progress} {device_id}" if is_about_other else progress
        case "reconnect":
            role = pb.ReconnectRole.Name(response.reconnect.role)
            return f"reconnect {role.removeprefix('RECONNECT_ROLE_')}"
        case "ended":
            reason = pb.EndReason.Name(response.ended.reason)
            return f"ended {reason.removeprefix('END_REASON_')}"
    return kind if kind in STYLES else None
