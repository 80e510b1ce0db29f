"""ICE generations: a candidate of one that its sender has left is named, and left out."""

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Call, Event
from tests.core.deliveries import forwarded
from tests.core.events import answer_from, candidates_from, offer_from, reoffer_from, request_from
from tests.core.factory import (
    Refusal,
    a_ringing_call,
    after,
    an_answered_call,
    is_untouched,
    refusal,
    step,
    the,
)
from tests.core.names import ALICE, PHONE, line, sdp


def restarted(*ufrags: str) -> Call:
    """An answered call whose caller has restarted ICE since, once for each ufrag."""
    call = an_answered_call()
    for ufrag in ufrags:
        call = after(call, reoffer_from(ALICE, sdp(ufrag)), answer_from(PHONE, sdp(f"to-{ufrag}")))
    return call


def of(ufrag: str) -> pb.IceCandidate:
    """A candidate whose W3C member names its generation."""
    return pb.IceCandidate(candidate=line(), username_fragment=ufrag)


@pytest.mark.parametrize(
    "stale",
    [
        of("caller-1"),
        pb.IceCandidate(candidate=line(ufrag="caller-1")),
        pb.IceCandidate(candidate="candidate:1 1 udp 1 192.0.2.1 9 typ host ufrag caller-1"),
        pb.IceCandidate(candidate=line(ufrag="restart-1"), username_fragment="caller-1"),
        pb.IceCandidate(candidate="", username_fragment="caller-1"),
    ],
    ids=["member", "line", "end of line", "member first", "end of candidates"],
)
def test_candidate_of_an_older_generation_is_stale(stale: pb.IceCandidate) -> None:
    """Its generation is the member, else the token of the line."""
    call = restarted("restart-1")

    outcome = step(call, candidates_from(ALICE, stale))

    assert is_untouched(outcome, call)
    assert refusal(outcome) == Refusal("STALE_CANDIDATE", candidate_indexes=(0,))


@pytest.mark.parametrize(
    "candidate",
    [
        of("restart-1"),
        of("not-described-yet"),
        pb.IceCandidate(candidate=line()),
        pb.IceCandidate(candidate=""),
        pb.IceCandidate(candidate=line(ufrag="restart-1")),
        pb.IceCandidate(candidate=line(ufrag="caller-1"), username_fragment="restart-1"),
    ],
    ids=["newest", "unknown", "none", "end of candidates", "line", "member first"],
)
def test_candidate_of_any_other_generation_goes(candidate: pb.IceCandidate) -> None:
    """Stale is only what is known to be: an unknown or missing name is taken for the newest."""
    candidates = candidates_from(ALICE, candidate)

    outcome = step(restarted("restart-1"), candidates)

    assert outcome.deliveries == (forwarded(PHONE, candidates),)
    assert outcome.refusal is None


def test_others_of_the_message_go() -> None:
    """The stale ones are named by index, and left out of what the peer gets."""
    fresh, end = of("restart-1"), pb.IceCandidate(candidate="")
    candidates = candidates_from(ALICE, of("caller-1"), fresh, of("caller-1"), end)

    outcome = step(restarted("restart-1"), candidates)

    assert outcome.deliveries == (forwarded(PHONE, candidates_from(ALICE, fresh, end)),)
    assert refusal(outcome) == Refusal("STALE_CANDIDATE", candidate_indexes=(0, 2))


def test_others_of_the_message_may_be_too_many() -> None:
    """Then nothing goes, and the refusal says that."""
    call = after(
        restarted("restart-1"),
        *(candidates_from(ALICE, *([of("restart-1")] * 32)) for _ in range(8)),
    )

    outcome = step(call, candidates_from(ALICE, of("caller-1"), of("restart-1")))

    assert is_untouched(outcome, call)
    assert refusal(outcome) == Refusal("LIMIT_EXCEEDED")


def test_generation_changes_with_the_offer_not_its_answer() -> None:
    """The sender has moved on as soon as its description is accepted."""
    call = after(an_answered_call(), reoffer_from(ALICE, sdp("restart-1")))

    assert refusal(step(call, candidates_from(ALICE, of("caller-1")))) == Refusal(
        "STALE_CANDIDATE", candidate_indexes=(0,)
    )


def test_generation_of_the_answerer_changes_with_its_answer() -> None:
    """Until then its old candidates are current."""
    old = candidates_from(PHONE, of("callee-1"))
    call = after(an_answered_call(), reoffer_from(ALICE, sdp("restart-1")))

    assert step(call, old).deliveries == (forwarded(ALICE, old),)
    assert refusal(step(after(call, answer_from(PHONE, sdp("callee-2"))), old)) == Refusal(
        "STALE_CANDIDATE", candidate_indexes=(0,)
    )


def test_generations_of_the_sides_are_their_own() -> None:
    """One side's old ufrag means nothing from the other."""
    candidates = candidates_from(PHONE, of("caller-1"))

    outcome = step(restarted("restart-1"), candidates)

    assert outcome.deliveries == (forwarded(ALICE, candidates),)


@pytest.mark.parametrize(
    "description",
    [sdp("caller-1"), sdp()],
    ids=["same ufrag", "no ufrag"],
)
def test_renegotiation_without_restart_keeps_the_generation(description: str) -> None:
    """Only a new ufrag is a new generation."""
    candidates = candidates_from(ALICE, of("caller-1"))
    call = after(an_answered_call(), reoffer_from(ALICE, description))

    outcome = step(call, candidates)

    assert outcome.deliveries == (forwarded(PHONE, candidates),)


def test_generation_that_comes_back_is_current() -> None:
    """A restart that was rolled back leaves the first generation the newest."""
    candidates = candidates_from(ALICE, of("caller-1"))
    call = after(
        an_answered_call(),
        reoffer_from(ALICE, sdp("restart-1")),
        reoffer_from(ALICE, sdp("caller-1")),
    )

    assert step(call, candidates).deliveries == (forwarded(PHONE, candidates),)
    assert refusal(step(call, candidates_from(ALICE, of("restart-1")))) == Refusal(
        "STALE_CANDIDATE", candidate_indexes=(0,)
    )


def test_eight_generations_are_known() -> None:
    """Of what lies further back nothing is remembered."""
    call = restarted(*(f"restart-{number}" for number in range(1, 9)))
    forgotten = candidates_from(ALICE, of("caller-1"))

    assert refusal(step(call, candidates_from(ALICE, of("restart-1")))) == Refusal(
        "STALE_CANDIDATE", candidate_indexes=(0,)
    )
    assert step(call, forgotten).deliveries == (forwarded(PHONE, forgotten),)


def test_each_media_section_may_have_its_ufrag() -> None:
    """Without BUNDLE a description has several; all of them are its generation."""
    offer = offer_from(ALICE, sdp=sdp("audio") + "m=video 9\r\na=ice-ufrag:video\r\n")
    call = an_answered_call(offer=offer)
    candidates = candidates_from(ALICE, of("audio"), of("video"))

    outcome = step(call, candidates)

    assert outcome.deliveries == (forwarded(PHONE, candidates),)


def test_sections_of_one_generation_share_its_256() -> None:
    """However many ufrags a description has."""
    offer = offer_from(ALICE, sdp=sdp("audio") + "m=video 9\r\na=ice-ufrag:video\r\n")
    full = [candidates_from(ALICE, *([of("audio")] * 16 + [of("video")] * 16))] * 8
    call = after(an_answered_call(offer=offer), *full)

    outcome = step(call, candidates_from(ALICE, of("audio")))

    assert refusal(outcome) == Refusal("LIMIT_EXCEEDED")


@pytest.mark.parametrize(
    "event", [candidates_from(ALICE, of("any")), candidates_from(PHONE, of("any"))], ids=str
)
def test_sealed_descriptions_tell_no_generation(event: Event) -> None:
    """What the service cannot read makes no candidate stale."""
    call = after(
        a_ringing_call(
            offer=request_from(
                ALICE, offer=pb.SdpOffer(recipient_user_id="bob", sealed=b"a=ice-ufrag:x")
            )
        ),
        request_from(PHONE, answer=pb.SdpAnswer(sealed=b"a=ice-ufrag:y")),
        request_from(ALICE, offer=pb.SdpOffer(sealed=b"a=ice-ufrag:z")),
    )

    outcome = step(call, event)

    assert len(outcome.deliveries) == 1
    assert the(outcome.call).caller.generations == ()


def test_candidates_are_stale_while_it_rings_too() -> None:
    """A call that rings has one description: nothing is older."""
    call = after(a_ringing_call(), candidates_from(ALICE, of("caller-0")))

    assert [held.sender for held in call.relay.held] == [ALICE]
