"""What becomes of a call when a device's stream is lost, or its session is over."""

from collections.abc import Callable

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Call, Device, Event, LegState, State
from tests.core.deliveries import away, back, ended
from tests.core.events import (
    answer_from,
    attached,
    candidates_from,
    detached,
    gone,
    overflow,
    reject_from,
)
from tests.core.factory import (
    CALLS,
    a_ringing_call,
    after,
    an_answered_call,
    is_untouched,
    step,
    the,
)
from tests.core.names import ALICE, ALICES_PHONE, MALLORY, PHONE, TABLET, line

LIVE = [CALLS[State.ANSWERED], CALLS[State.CONNECTED], CALLS[State.RECONNECTING]]
SIDES = [(ALICE, PHONE), (PHONE, ALICE)]

each_live_call = pytest.mark.parametrize("call", LIVE, ids=lambda call: call.state.name)
each_side = pytest.mark.parametrize(("device", "peer"), SIDES, ids=str)


@each_live_call
@each_side
def test_peer_hears_that_a_side_is_away(call: Call, device: Device, peer: Device) -> None:
    """A lost stream is reported; the call goes on."""
    outcome = step(call, detached(device))

    assert outcome.deliveries == (away(peer, device),)
    assert the(outcome.call).state is call.state


@each_live_call
@each_side
def test_peer_hears_that_a_side_is_back(call: Call, device: Device, peer: Device) -> None:
    """Back within its window."""
    outcome = step(after(call, detached(device)), attached(device))

    assert outcome.deliveries == (back(peer, device),)


@each_live_call
@each_side
def test_side_whose_session_is_over_ends_the_call(call: Call, device: Device, peer: Device) -> None:
    """PEER_GONE, to both: the one that is gone hears of it when it comes again."""
    del peer

    outcome = step(after(call, detached(device)), gone(device))

    assert outcome.deliveries == (
        ended(ALICE, pb.END_REASON_PEER_GONE, by=device),
        ended(PHONE, pb.END_REASON_PEER_GONE, by=device),
    )


@each_live_call
@each_side
def test_side_that_stops_listening_ends_the_call(call: Call, device: Device, peer: Device) -> None:
    """Full is an end, not a jam."""
    del peer

    outcome = step(call, overflow(device))

    assert outcome.deliveries == (
        ended(ALICE, pb.END_REASON_PEER_GONE, by=device),
        ended(PHONE, pb.END_REASON_PEER_GONE, by=device),
    )


@each_live_call
def test_loser_that_stops_listening_ends_nothing(call: Call) -> None:
    """The `ended` of a device that did not win may fill its mailbox; the call is not its."""
    outcome = step(call, overflow(TABLET))

    assert is_untouched(outcome, call)


@pytest.mark.parametrize("happening", [attached, detached, gone])
@pytest.mark.parametrize("device", [TABLET, ALICES_PHONE, MALLORY], ids=str)
@each_live_call
def test_other_devices_change_nothing(
    call: Call, device: Device, happening: Callable[..., Event]
) -> None:
    """Only the two sides of an answered call matter."""
    assert is_untouched(step(call, happening(device)), call)


@pytest.mark.parametrize("happening", [attached, detached, gone])
@pytest.mark.parametrize("device", [ALICE, PHONE], ids=str)
@each_live_call
def test_other_sessions_change_nothing(
    call: Call, device: Device, happening: Callable[..., Event]
) -> None:
    """News of another session of the device, late or twice, is passed over."""
    assert is_untouched(step(call, happening(device, session=99)), call)


@each_live_call
def test_news_twice_is_told_once(call: Call) -> None:
    """AWAY and BACK come in turns, whatever is noticed twice."""
    assert is_untouched(step(call, attached(PHONE)), call)

    lost = after(call, detached(PHONE))

    assert is_untouched(step(lost, detached(PHONE)), lost)


def test_caller_that_is_gone_while_it_rings_cancels() -> None:
    """Every leg hears it, and the caller when it comes again."""
    outcome = step(a_ringing_call([PHONE, TABLET]), gone(ALICE))

    assert outcome.deliveries == (
        ended(ALICE, pb.END_REASON_CANCELLED, by=ALICE),
        ended(PHONE, pb.END_REASON_CANCELLED, by=ALICE),
        ended(TABLET, pb.END_REASON_CANCELLED, by=ALICE),
    )


def test_caller_that_is_away_while_it_rings_is_nobodys_news() -> None:
    """It may come back to its answer."""
    outcome = step(a_ringing_call(), detached(ALICE))

    assert (outcome.deliveries, the(outcome.call).state) == ((), State.RINGING)


def test_older_session_of_the_caller_cancels_nothing() -> None:
    """The session that calls is another."""
    call = a_ringing_call()

    assert is_untouched(step(call, gone(ALICE, session=99)), call)


def test_leg_whose_session_is_over_is_forgotten() -> None:
    """Nobody is told; the others ring on."""
    outcome = step(a_ringing_call([PHONE, TABLET]), gone(PHONE))

    assert (outcome.deliveries, set(the(outcome.call).legs)) == ((), {TABLET})


def test_last_leg_that_is_forgotten_leaves_the_call_ringing() -> None:
    """It may come back, and another may come."""
    outcome = step(a_ringing_call(), gone(PHONE))

    assert (the(outcome.call).state, the(outcome.call).legs) == (State.RINGING, {})


def test_leg_of_another_session_is_not_forgotten() -> None:
    """News of a session before the one that rings is late."""
    call = a_ringing_call()

    assert is_untouched(step(call, gone(PHONE, session=99)), call)


def test_leg_that_had_its_ended_is_not_forgotten() -> None:
    """Or it would be asked again."""
    call = after(a_ringing_call(), reject_from(PHONE, pb.REJECT_REASON_BUSY))

    assert is_untouched(step(call, gone(PHONE)), call)


@pytest.mark.parametrize("happening", [detached, gone])
@pytest.mark.parametrize("device", [TABLET, MALLORY], ids=str)
def test_device_without_a_leg_changes_nothing(
    device: Device, happening: Callable[..., Event]
) -> None:
    """A call that rings elsewhere."""
    call = a_ringing_call()

    assert is_untouched(step(call, happening(device)), call)


def test_leg_without_a_stream_rings_on() -> None:
    """Its answer may come with the next stream."""
    call = a_ringing_call()

    assert is_untouched(step(call, detached(PHONE)), call)
    assert the(step(call, answer_from(PHONE)).call).state is State.ANSWERED


def test_leg_that_stops_listening_leaves_alone() -> None:
    """It has its `ended`, the others ring on, and what it sent is dropped."""
    call = after(a_ringing_call([PHONE, TABLET]), candidates_from(PHONE, line()))

    outcome = step(call, overflow(PHONE))

    assert outcome.deliveries == (ended(PHONE, pb.END_REASON_PEER_GONE, by=PHONE),)
    assert the(outcome.call).legs[PHONE].state is LegState.LOST
    assert the(outcome.call).relay.held == ()


@pytest.mark.parametrize(("device", "legs"), [(PHONE, [PHONE]), (ALICE, [PHONE])], ids=str)
def test_ringing_call_without_a_listener_ends(device: Device, legs: list[Device]) -> None:
    """The only leg, or the caller, has stopped listening."""
    outcome = step(a_ringing_call(legs), overflow(device))

    assert outcome.deliveries == (
        ended(ALICE, pb.END_REASON_PEER_GONE, by=device),
        ended(PHONE, pb.END_REASON_PEER_GONE, by=device),
    )


@pytest.mark.parametrize("device", [TABLET, MALLORY], ids=str)
def test_device_that_is_no_leg_ends_nothing_by_not_listening(device: Device) -> None:
    """Its mailbox is its own affair."""
    call = a_ringing_call([PHONE])

    assert is_untouched(step(call, overflow(device)), call)


def test_leg_that_had_its_ended_ends_nothing_by_not_listening() -> None:
    """Its `ended` was the last straw; the call is not its any more."""
    call = after(a_ringing_call([PHONE, TABLET]), reject_from(PHONE, pb.REJECT_REASON_BUSY))

    assert is_untouched(step(call, overflow(PHONE)), call)


def test_session_that_ends_takes_the_answered_call_along() -> None:
    """A part in a call lives exactly as long as its session."""
    call = an_answered_call([PHONE, TABLET])

    assert the(step(call, gone(PHONE)).call).state is State.ENDED
    assert is_untouched(step(call, gone(TABLET)), call)
