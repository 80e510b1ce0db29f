"""Any bytes as the small texts that are read: URLs, published keys, ICE generations."""

from collections.abc import Mapping
from typing import Final

from signaling.v1 import signaling_pb2 as pb

from signaling_service.auth.keys import MAX_KEYS, parse
from signaling_service.backends.location import Location
from signaling_service.core.descriptions import generation, is_stale, ufrag_of
from signaling_service.core.rules import GENERATIONS_KEPT
from tests.core.names import line, sdp
from tests.tokens import Issuer, jwks

PASSWORD: Final = "C4naryOfAUrl"  # noqa: S105 - a test's
KNOWN: Final = tuple(frozenset({f"{number}"}) for number in range(GENERATIONS_KEPT))


def text(data: bytes) -> None:
    """Read it as each of them; nothing but a ValueError says that it is none."""
    url(data.decode("utf-8", "replace"))
    keys(data)
    description(data.decode("utf-8", "ignore"))


def url(written: str) -> None:
    """A URL of a backend, with a password in it that nobody is told."""
    if "ca=" in written:
        return  # it names a file of this machine
    for of in (
        written,
        f"redis+sentinel://:{PASSWORD}@{written}",
        f"redis://u:{PASSWORD}{written}",
    ):
        assert PASSWORD not in told_of(of)


def told_of(written: str) -> str:
    """What a log may have of a URL: where it is, or what is wrong with it."""
    try:
        location = Location.parse(written)
    except ValueError as error:
        return str(error)
    return f"{location} {location!r}"


def keys(published: bytes) -> None:
    """Keys of an issuer."""
    try:
        found = parse(published)
    except ValueError:
        return
    assert 0 < len(found) <= MAX_KEYS


def description(written: str) -> None:
    """An SDP, and a line of a candidate."""
    known = generation(KNOWN, pb.SdpOffer(sdp=written))
    assert len(known) <= GENERATIONS_KEPT
    assert "" not in known[-1]
    ufrag = ufrag_of(pb.IceCandidate(candidate=written))
    assert not (is_stale(ufrag, known) and ufrag in known[-1])


def seeds() -> Mapping[str, bytes]:
    """One of each, and one that is wrong in a way."""
    issuer = Issuer(kid=None)
    return {
        "seed-plain": b"redis://valkey:6379/1?cell=calls&replicas=1",
        "seed-sentinel": b"[::1]:26379,b/calls?sentinel_username=a&sentinel_password=%40",
        "seed-pem": issuer.pem,
        "seed-jwks": jwks(issuer, Issuer("ES256")).encode(),
        "seed-jwk-private": b'{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA","d":"AA"}]}',
        "seed-sdp": sdp("one").encode(),
        "seed-line": line(ufrag="one").encode(),
    }
