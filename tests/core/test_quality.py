"""Connection quality: what the sides report, and the advice that brings a failed call back."""

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Call, Device, Event, Outcome, State
from signaling_service.core.rules import Rules
from tests.core.deliveries import advice, ended, forwarded, unordered
from tests.core.events import (
    CLOCK,
    answer_from,
    connected,
    connecting,
    detached,
    disconnected,
    failed,
    reoffer_from,
    reports,
)
from tests.core.factory import (
    CALLS,
    Refusal,
    a_connected_call,
    a_reconnecting_call,
    a_ringing_call,
    after,
    an_answered_attempt,
    an_answered_call,
    is_untouched,
    refusal,
    step,
    the,
)
from tests.core.names import ALICE, PHONE, START

SIDES = [(ALICE, PHONE), (PHONE, ALICE)]
RELAY = pb.TRANSPORT_POLICY_RELAY
LOST, NEVER = pb.END_REASON_CONNECTION_LOST, pb.END_REASON_CONNECT_FAILED

each_side = pytest.mark.parametrize(("device", "peer"), SIDES, ids=str)


def advised(outcome: Outcome) -> set[tuple[Device, bytes]]:
    """The advice among what goes out."""
    return unordered(*(each for each in outcome.deliveries if each.response.HasField("reconnect")))


def both_hear(reason: pb.EndReason.ValueType) -> tuple[object, ...]:
    """The end of the call, at both sides."""
    return (ended(ALICE, reason), ended(PHONE, reason))


# reports


@each_side
@pytest.mark.parametrize(
    "state", [State.ANSWERED, State.CONNECTED, State.RECONNECTING], ids=lambda state: state.name
)
@pytest.mark.parametrize("report", [1, 2, 3, 4, 5, 6], ids=pb.PeerConnectionState.Name)
def test_report_reaches_the_peer(
    state: State, report: pb.PeerConnectionState.ValueType, device: Device, peer: Device
) -> None:
    """Whatever it says, first of all the peer gets it."""
    event = reports(device, report)

    outcome = step(CALLS[state], event)

    assert outcome.deliveries[0] == forwarded(peer, event)


@each_side
def test_first_connected_of_either_side_connects_the_call(device: Device, peer: Device) -> None:
    """One is enough; the other's changes nothing more."""
    call = after(an_answered_call(), connected(device))

    assert call.state is State.CONNECTED
    assert after(call, connected(peer)).state is State.CONNECTED


@pytest.mark.parametrize(
    "state", [State.ANSWERED, State.CONNECTED, State.RECONNECTING], ids=lambda state: state.name
)
def test_closed_changes_nothing(state: State) -> None:
    """It is passed on; a side that wants to end the call hangs up."""
    call = CALLS[state]

    assert step(call, reports(PHONE, pb.PEER_CONNECTION_STATE_CLOSED)).call is call


def test_report_while_it_rings_is_refused() -> None:
    """There is no peer connection before the answer."""
    call = a_ringing_call()

    for device in (ALICE, PHONE):
        outcome = step(call, connected(device))
        assert is_untouched(outcome, call)
        assert refusal(outcome) == Refusal("WRONG_STATE")


# advice


@each_side
@pytest.mark.parametrize("call", [an_answered_call(), a_connected_call()], ids=["new", "connected"])
def test_failure_advises_both_sides(call: Call, device: Device, peer: Device) -> None:
    """The caller offers, its peer waits, whoever noticed."""
    report = failed(device)

    outcome = step(call, report)

    assert outcome.deliveries[0] == forwarded(peer, report)
    assert advised(outcome) == advice(ALICE, PHONE, attempt=1)
    assert the(outcome.call).state is State.RECONNECTING


def test_side_that_is_here_offers() -> None:
    """While the caller is away the callee is the one that can."""
    outcome = step(after(a_connected_call(), detached(ALICE)), failed(PHONE))

    assert advised(outcome) == advice(PHONE, ALICE)


@pytest.mark.parametrize("absent", [[PHONE], [ALICE, PHONE]], ids=["callee", "both"])
def test_caller_offers_otherwise(absent: list[Device]) -> None:
    """Also when nobody is connected: exactly one side is to offer."""
    call = after(a_connected_call(), disconnected(PHONE), *(detached(each) for each in absent))

    outcome = step(call, CLOCK, now=START + 3.0)

    assert advised(outcome) == advice(ALICE, PHONE)


@each_side
def test_other_side_of_the_same_failure_is_no_new_attempt(device: Device, peer: Device) -> None:
    """Until the attempt's answer was relayed, FAILED is the failure that it is for."""
    call = after(a_connected_call(), failed(device))

    for reporter in (peer, device):
        outcome = step(call, failed(reporter))
        assert advised(outcome) == set()
        assert the(outcome.call).state is State.RECONNECTING


def test_failure_before_the_answer_of_the_attempt_is_the_same() -> None:
    """Also when its offer went through."""
    call = after(a_reconnecting_call(), reoffer_from(ALICE))

    assert advised(step(call, failed(PHONE))) == set()


def test_answer_to_an_offer_from_before_is_not_the_attempt() -> None:
    """A negotiation that was open when it failed does not restart ICE."""
    call = after(a_connected_call(), reoffer_from(ALICE), failed(PHONE), answer_from(PHONE))

    assert advised(step(call, failed(ALICE))) == set()


def test_failure_after_the_answer_of_the_attempt_is_the_next() -> None:
    """Attempts count up."""
    call = an_answered_attempt(a_reconnecting_call())

    outcome = step(call, failed(PHONE))

    assert advised(outcome) == advice(ALICE, PHONE, attempt=2)
    assert the(outcome.call).state is State.RECONNECTING


@pytest.mark.parametrize("attempt", [1, 2, 3])
def test_later_attempts_go_through_a_relay(attempt: int) -> None:
    """The second and third, if there are relays."""
    rules = Rules(has_relays=True)
    call = a_connected_call()
    if attempt > 1:
        call = an_answered_attempt(a_reconnecting_call(attempt - 1))

    outcome = step(call, failed(ALICE), rules=rules)

    policy = RELAY if attempt > 1 else pb.TRANSPORT_POLICY_ALL
    assert advised(outcome) == advice(ALICE, PHONE, attempt, policy)


def test_connected_ends_the_attempts() -> None:
    """The next failure is the first of its own."""
    call = an_answered_attempt(a_reconnecting_call(2))

    again = after(call, connected(PHONE))

    assert again.state is State.CONNECTED
    assert advised(step(again, failed(ALICE))) == advice(ALICE, PHONE, attempt=1)


@pytest.mark.parametrize(("was_connected", "reason"), [(True, LOST), (False, NEVER)])
def test_failure_of_the_third_attempt_ends_the_call(
    was_connected: bool,  # noqa: FBT001 - a parameter of the table
    reason: pb.EndReason.ValueType,
) -> None:
    """The reason says whether media ever flowed."""
    call = an_answered_attempt(a_reconnecting_call(3, was_connected=was_connected))

    outcome = step(call, failed(PHONE))

    assert outcome.deliveries == (forwarded(ALICE, failed(PHONE)), *both_hear(reason))


@pytest.mark.parametrize(("was_connected", "reason"), [(True, LOST), (False, NEVER)])
def test_call_that_does_not_come_back_within_30_s_ends(
    was_connected: bool,  # noqa: FBT001 - a parameter of the table
    reason: pb.EndReason.ValueType,
) -> None:
    """However many attempts are left."""
    call = a_reconnecting_call(was_connected=was_connected)

    assert is_untouched(step(call, CLOCK, now=START + 29.9), call)
    assert step(call, CLOCK, now=START + 30.0).deliveries == both_hear(reason)


def test_next_attempt_gets_no_more_time() -> None:
    """The 30 s are those of the whole way back."""
    call = an_answered_attempt(a_reconnecting_call())
    call = after(call, failed(ALICE), now=START + 20.0)

    assert step(call, CLOCK, now=START + 30.0).deliveries == both_hear(LOST)


# DISCONNECTED


def test_disconnected_for_three_seconds_is_a_failure() -> None:
    """Most interruptions heal before."""
    call = after(a_connected_call(), disconnected(PHONE))

    assert is_untouched(step(call, CLOCK, now=START + 2.9), call)
    outcome = step(call, CLOCK, now=START + 3.0)
    assert unordered(*outcome.deliveries) == advice(ALICE, PHONE)
    assert the(outcome.call).state is State.RECONNECTING


@pytest.mark.parametrize("healed", [connected(PHONE), connecting(PHONE)], ids=["to", "towards"])
def test_disconnected_that_heals_is_no_failure(healed: Event) -> None:
    """Any other state of that side stops the three seconds."""
    call = after(a_connected_call(), disconnected(PHONE), healed)

    assert step(call, CLOCK, now=START + 10.0).deliveries == ()


def test_disconnected_twice_counts_from_the_first() -> None:
    """A report again does not put off the failure."""
    call = after(a_connected_call(), disconnected(PHONE))
    call = after(call, disconnected(PHONE), now=START + 2.0)

    assert the(step(call, CLOCK, now=START + 3.0).call).state is State.RECONNECTING


def test_disconnected_on_both_sides_is_one_failure() -> None:
    """The second side's three seconds are up a moment later, and mean the same."""
    call = after(a_connected_call(), disconnected(ALICE))
    call = after(call, disconnected(PHONE), now=START + 0.5)
    call = after(call, CLOCK, now=START + 3.0)

    assert is_untouched(step(call, CLOCK, now=START + 4.0), call)


def test_disconnected_before_the_answer_of_the_attempt_is_the_same_failure() -> None:
    """Like FAILED."""
    call = after(a_reconnecting_call(), disconnected(PHONE))

    outcome = step(call, CLOCK, now=START + 3.0)

    assert (outcome.deliveries, the(outcome.call).state) == ((), State.RECONNECTING)


def test_disconnected_after_the_answer_of_the_attempt_is_the_next() -> None:
    """Like FAILED."""
    call = after(an_answered_attempt(a_reconnecting_call()), disconnected(PHONE))

    outcome = step(call, CLOCK, now=START + 3.0)

    assert unordered(*outcome.deliveries) == advice(ALICE, PHONE, attempt=2)
