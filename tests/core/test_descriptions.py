"""What the service reads in descriptions and candidates: the ICE generation, nothing else."""

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.descriptions import (
    Generations,
    generation,
    is_stale,
    ufrag_of,
)
from tests.core.names import line, sdp

OLD, NEW = frozenset({"old"}), frozenset({"new"})


@pytest.mark.parametrize(
    ("description", "known"),
    [
        (sdp("new"), (OLD, NEW)),
        (sdp("old"), (OLD,)),
        (sdp(), (OLD,)),
        (sdp("new").replace("\r\n", "\n"), (OLD, NEW)),
        (sdp() + "a=ice-ufrag:new", (OLD, NEW)),
        (sdp() + " a=ice-ufrag:new\r\n", (OLD,)),
        (sdp("new") + "a=ice-ufrag:more\r\n", (OLD, NEW | {"more"})),
    ],
    ids=["new", "same", "none", "bare newlines", "no newline", "not an attribute", "two sections"],
)
def test_generation_is_read_from_ice_ufrag(description: str, known: Generations) -> None:
    """RFC 8839 §5.4: at the session or in each media section."""
    assert generation((OLD,), pb.SdpOffer(sdp=description)) == known


def test_sealed_description_tells_nothing() -> None:
    """Only its apps can read it."""
    assert generation((OLD,), pb.SdpAnswer(sealed=b"a=ice-ufrag:new")) == (OLD,)


def test_last_eight_generations_are_kept() -> None:
    """Enough for a candidate that was overtaken, bounded for a side that restarts for ever."""
    known: Generations = ()
    for number in range(20):
        known = generation(known, pb.SdpOffer(sdp=sdp(f"u{number}")))

    assert known == tuple(frozenset({f"u{number}"}) for number in range(12, 20))


@pytest.mark.parametrize(
    ("candidate", "ufrag"),
    [
        (pb.IceCandidate(candidate=line(ufrag="EsAw")), "EsAw"),
        (pb.IceCandidate(candidate=line()), ""),
        (pb.IceCandidate(candidate=""), ""),
        (pb.IceCandidate(candidate=f"{line()} ufrag last"), "last"),
        (pb.IceCandidate(candidate=line(ufrag="x"), username_fragment="y"), "y"),
        (pb.IceCandidate(candidate=line(ufrag="x"), username_fragment=""), "x"),
        (pb.IceCandidate(candidate="candidate:1 1 udp 1 ::1 9 typ host ufrag"), ""),
    ],
    ids=["line", "none", "end", "last token", "member first", "empty member", "no value"],
)
def test_candidate_names_its_generation(candidate: pb.IceCandidate, ufrag: str) -> None:
    """The W3C member, else the token of the line."""
    assert ufrag_of(candidate) == ufrag


@pytest.mark.parametrize(
    ("ufrag", "known", "expected"),
    [
        ("old", (OLD, NEW), True),
        ("new", (OLD, NEW), False),
        ("", (OLD, NEW), False),
        ("unknown", (OLD, NEW), False),
        ("old", (OLD,), False),
        ("old", (), False),
        ("old", (OLD, NEW, OLD), False),
        ("new", (OLD, NEW, OLD), True),
    ],
)
def test_stale_is_what_an_older_description_names(
    ufrag: str,
    known: Generations,
    expected: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """And the newest does not."""
    assert is_stale(ufrag, known) is expected
