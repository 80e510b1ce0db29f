"""Candidates: exactly once, in order, and never ahead of the answer (RFC 8838 §18)."""

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Device, Event, State
from tests.core.deliveries import answered, ended, forwarded, won
from tests.core.events import (
    answer_from,
    attached,
    candidates_from,
    gone,
    reject_from,
    reoffer_from,
)
from tests.core.factory import (
    CALLS,
    Refusal,
    a_ringing_call,
    after,
    an_answered_call,
    is_untouched,
    refusal,
    step,
)
from tests.core.names import ALICE, PHONE, TABLET, line, sdp

END_OF_CANDIDATES = ""


def many(device: Device, count: int, ufrag: str = "") -> list[Event]:
    """So many candidates of one generation, in messages of 32."""
    lines = [line(port, ufrag) for port in range(1, count + 1)]
    return [candidates_from(device, *lines[first : first + 32]) for first in range(0, count, 32)]


@pytest.mark.parametrize("sender", [ALICE, PHONE], ids=str)
def test_candidates_are_held_until_an_answer_has_won(sender: Device) -> None:
    """Nobody could use them, and devices that never answer don't learn addresses."""
    outcome = step(a_ringing_call(), candidates_from(sender, line()))

    assert outcome.deliveries == ()
    assert outcome.refusal is None


def test_held_candidates_follow_the_answer() -> None:
    """The winner gets WON, then the caller's; the caller the answer, then the winner's."""
    early, own, late = (
        candidates_from(ALICE, line(1), line(2)),
        candidates_from(PHONE, line(3)),
        candidates_from(ALICE, line(4), END_OF_CANDIDATES),
    )
    answer = answer_from(PHONE)

    outcome = step(after(a_ringing_call(), early, own, late), answer)

    assert outcome.deliveries == (
        answered(ALICE, answer),
        won(PHONE),
        forwarded(PHONE, early),
        forwarded(ALICE, own),
        forwarded(PHONE, late),
    )


def test_candidates_of_losers_are_dropped() -> None:
    """The caller never learns the addresses of devices that did not answer."""
    call = after(a_ringing_call([PHONE, TABLET]), candidates_from(TABLET, line()))

    outcome = step(call, answer_from(PHONE))

    assert outcome.deliveries == (
        answered(ALICE, answer_from(PHONE)),
        won(PHONE),
        ended(TABLET, pb.END_REASON_ANSWERED_ELSEWHERE, by=PHONE),
    )


@pytest.mark.parametrize(
    "leaving",
    [
        [reject_from(TABLET, pb.REJECT_REASON_BUSY)],
        [gone(TABLET)],
    ],
    ids=["busy", "gone"],
)
def test_candidates_of_a_leg_that_leaves_are_dropped(leaving: list[Event]) -> None:
    """They are held no longer than their leg."""
    call = after(a_ringing_call([PHONE, TABLET]), candidates_from(TABLET, line()), *leaving)

    assert call.relay.held == ()
    assert TABLET not in call.relay.counts


def test_candidates_of_a_forgotten_leg_do_not_come_with_its_next() -> None:
    """The device that rings anew begins anew."""
    call = after(
        a_ringing_call([PHONE]),
        candidates_from(PHONE, line(1)),
        gone(PHONE),
        attached(PHONE, session=2),
    )

    outcome = step(call, answer_from(PHONE, session=2))

    assert outcome.deliveries == (answered(ALICE, answer_from(PHONE)), won(PHONE))


@pytest.mark.parametrize("state", [State.ANSWERED, State.CONNECTED, State.RECONNECTING])
@pytest.mark.parametrize(("sender", "peer"), [(ALICE, PHONE), (PHONE, ALICE)], ids=str)
def test_candidates_reach_the_peer_once_answered(
    state: State, sender: Device, peer: Device
) -> None:
    """As they came: all members of all of them, in order, in one message."""
    candidates = candidates_from(
        sender,
        pb.IceCandidate(
            candidate=line(1), sdp_mid="0", sdp_m_line_index=0, username_fragment="new"
        ),
        pb.IceCandidate(candidate=END_OF_CANDIDATES, sdp_mid="0"),
    )

    outcome = step(CALLS[state], candidates)

    assert outcome.deliveries == (forwarded(peer, candidates),)


def test_losers_get_no_candidates() -> None:
    """Only the two sides exchange them."""
    candidates = candidates_from(ALICE, line())

    outcome = step(an_answered_call([PHONE, TABLET]), candidates)

    assert outcome.deliveries == (forwarded(PHONE, candidates),)


def test_candidates_ahead_of_the_first_offer_are_refused() -> None:
    """There is no call to hold them for."""
    outcome = step(None, candidates_from(ALICE, line()))

    assert is_untouched(outcome, None)
    assert refusal(outcome) == Refusal("CALL_NOT_FOUND")


def test_candidates_of_a_renegotiation_follow_their_offer() -> None:
    """In the order their sender chose."""
    offer, candidates = (
        reoffer_from(ALICE, sdp("restart-1")),
        candidates_from(ALICE, line(ufrag="restart-1")),
    )
    call = after(an_answered_call(), offer)

    outcome = step(call, candidates)

    assert outcome.deliveries == (forwarded(PHONE, candidates),)


@pytest.mark.parametrize("sender", [ALICE, PHONE], ids=str)
@pytest.mark.parametrize("state", [State.RINGING, State.ANSWERED])
def test_candidate_257_of_a_generation_is_refused(state: State, sender: Device) -> None:
    """256 a side and generation; of the message that exceeds it none goes."""
    call = after(CALLS[state], *many(sender, 250))

    outcome = step(call, candidates_from(sender, *(line(port) for port in range(300, 307))))

    assert is_untouched(outcome, call)
    assert refusal(outcome) == Refusal("LIMIT_EXCEEDED")


def test_candidate_256_goes() -> None:
    """The limit itself is within it."""
    call = after(an_answered_call(), *many(ALICE, 255))
    last = candidates_from(ALICE, line(300))

    outcome = step(call, last)

    assert outcome.deliveries == (forwarded(PHONE, last),)


def test_each_side_has_its_own_256() -> None:
    """What one sends does not count for the other."""
    call = after(an_answered_call(), *many(ALICE, 256))
    candidates = candidates_from(PHONE, line())

    outcome = step(call, candidates)

    assert outcome.deliveries == (forwarded(ALICE, candidates),)


def test_next_generation_has_its_own_256() -> None:
    """An ICE restart counts from the beginning."""
    call = after(an_answered_call(), *many(ALICE, 256), reoffer_from(ALICE, sdp("restart-1")))
    candidates = candidates_from(ALICE, line(ufrag="restart-1"))

    outcome = step(call, candidates)

    assert outcome.deliveries == (forwarded(PHONE, candidates),)


def test_made_up_generations_count_too() -> None:
    """A device cannot have more by naming generations that nobody has described."""
    call = after(an_answered_call(), *many(ALICE, 128, "one"), *many(ALICE, 128, "two"))

    outcome = step(call, candidates_from(ALICE, line(ufrag="one")))

    assert is_untouched(outcome, call)
    assert refusal(outcome) == Refusal("LIMIT_EXCEEDED")


def test_held_candidates_count_whatever_they_name() -> None:
    """A device that rings cannot have more held for it by making up generations."""
    call = after(a_ringing_call(), *many(PHONE, 128, "one"), *many(PHONE, 128, "two"))

    outcome = step(call, candidates_from(PHONE, line(ufrag="three")))

    assert is_untouched(outcome, call)
    assert refusal(outcome) == Refusal("LIMIT_EXCEEDED")


def test_held_candidates_count_for_the_generation_after_the_win() -> None:
    """The caller's generation is the same before and after the answer."""
    call = after(a_ringing_call(), *many(ALICE, 256, "caller-1"), answer_from(PHONE))

    outcome = step(call, candidates_from(ALICE, line()))

    assert refusal(outcome) == Refusal("LIMIT_EXCEEDED")
