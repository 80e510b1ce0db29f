"""The two things the service reads in SDP and candidates: which ICE generation they belong to."""

from typing import Final

from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.rules import GENERATIONS_KEPT

ICE_UFRAG: Final = "\na=ice-ufrag:"  # ice-ufrag-att (RFC 8839 §5.4)

Generations = tuple[frozenset[str], ...]


def generation(known: Generations, description: pb.SdpOffer | pb.SdpAnswer) -> Generations:
    """The generations of a side once it has sent `description`; a sealed one tells nothing."""
    # split is ten times faster than a regular expression, which tries every line
    _, *parts = description.sdp.split(ICE_UFRAG)
    ufrags = frozenset(part.partition("\n")[0].strip() for part in parts) - {""}
    if not ufrags or (known and known[-1] == ufrags):
        return known
    return (*known, ufrags)[-GENERATIONS_KEPT:]


def ufrag_of(candidate: pb.IceCandidate) -> str:
    """The generation that a candidate names, "" if it names none."""
    if candidate.username_fragment:
        return candidate.username_fragment
    # candidate-attribute (RFC 8839 §5.1): … *(SP extension-att-name SP extension-att-value)
    _, found, rest = candidate.candidate.partition(" ufrag ")
    return rest.partition(" ")[0] if found else ""


def is_stale(ufrag: str, known: Generations) -> bool:
    """Whether the side is known to have moved on from this generation."""
    return bool(ufrag and known) and ufrag not in known[-1] and any(ufrag in old for old in known)
