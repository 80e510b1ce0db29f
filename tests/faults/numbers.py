"""The numbers that forwarded messages carry, and what else they say of their sender."""

import re
from typing import Final

from signaling.v1 import signaling_pb2 as pb

_UFRAG: Final = re.compile(r"a=ice-ufrag:(\S+)")


def numbers_of(message: pb.ConnectRequest | pb.ConnectResponse) -> list[int]:
    """The numbers in a message, none if it is of a kind that has none."""
    match message.WhichOneof("payload"):
        case "offer" | "answer":
            return [number_of(ufrag) for ufrag in descriptions_in(message)]
        case "candidates":
            lines = message.candidates.candidates
            return [int(line.candidate.split()[0].partition(":")[2]) for line in lines]
        case "app_message":
            return [int(message.app_message.body.split()[0])]
    return []


def descriptions_in(message: pb.ConnectRequest | pb.ConnectResponse) -> set[str]:
    """The ICE generation of the description in a message, if it has one."""
    return set(_UFRAG.findall(message.offer.sdp or message.answer.sdp))


def generations_in(message: pb.ConnectRequest | pb.ConnectResponse) -> set[str]:
    """The ICE generations of the candidates in a message."""
    return {line.candidate.split()[-1] for line in message.candidates.candidates}


def number_of(ufrag: str) -> int:
    """The number of a description."""
    return int(ufrag.rpartition("+")[2])


def author_of(message: pb.ConnectRequest | pb.ConnectResponse) -> set[str]:
    """The device that a forwarded message says it is from, in what its app has written."""
    if message.HasField("app_message"):
        return {message.app_message.body.split()[1].decode()}
    ufrags = descriptions_in(message) | generations_in(message)
    return {ufrag.rpartition("+")[0] for ufrag in ufrags}


def sender_of(response: pb.ConnectResponse) -> str:
    """The device that a response is from, as the service says; "" for the service itself."""
    return name_of(response.sender) if response.HasField("sender") else ""


def name_of(device: pb.Device) -> str:
    """`user/device`."""
    return f"{device.user_id}/{device.device_id}"
