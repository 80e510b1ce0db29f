"""The time to be connected: when it runs, when it stands still, and what its end means."""

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.model import Device, State
from tests.core.deliveries import advice, away, back, ended, unordered
from tests.core.events import (
    CLOCK,
    attached,
    connecting,
    detached,
    failed,
    reports,
)
from tests.core.factory import (
    a_connected_call,
    a_reconnecting_call,
    after,
    an_answered_call,
    is_untouched,
    step,
    the,
)
from tests.core.names import ALICE, PHONE, START

SIDES = [(ALICE, PHONE), (PHONE, ALICE)]
LOST, NEVER = pb.END_REASON_CONNECTION_LOST, pb.END_REASON_CONNECT_FAILED

each_side = pytest.mark.parametrize(("device", "peer"), SIDES, ids=str)


def both_hear(reason: pb.EndReason.ValueType) -> tuple[object, ...]:
    """The end of the call, at both sides."""
    return (ended(ALICE, reason), ended(PHONE, reason))


@pytest.mark.parametrize("report", [1, 2, 4], ids=pb.PeerConnectionState.Name)
def test_call_that_does_not_connect_within_30_s_failed(
    report: pb.PeerConnectionState.ValueType,
) -> None:
    """From the first state that a side reports."""
    call = after(an_answered_call(), reports(ALICE, report), connecting(ALICE), now=START + 5)

    assert is_untouched(step(call, CLOCK, now=START + 34.9), call)
    outcome = step(call, CLOCK, now=START + 35.0)
    assert unordered(*outcome.deliveries) == advice(ALICE, PHONE)


def test_later_reports_give_no_more_time() -> None:
    """The 30 s began with the first."""
    call = after(an_answered_call(), connecting(ALICE))
    call = after(call, connecting(PHONE), now=START + 20.0)

    assert the(step(call, CLOCK, now=START + 30.0).call).state is State.RECONNECTING


def test_call_that_reports_nothing_never_fails() -> None:
    """An app that does not report its state manages its connection itself."""
    call = an_answered_call()

    assert is_untouched(step(call, CLOCK, now=START + 3600.0), call)


def test_call_that_failed_by_the_clock_gets_30_s_to_come_back() -> None:
    """Then it is over: it never was connected."""
    call = after(after(an_answered_call(), connecting(ALICE)), CLOCK, now=START + 30.0)

    assert is_untouched(step(call, CLOCK, now=START + 59.9), call)
    assert step(call, CLOCK, now=START + 60.0).deliveries == both_hear(NEVER)


# away


@each_side
def test_clock_stands_still_while_a_side_is_away(device: Device, peer: Device) -> None:
    """A device that cannot be reached is not failing."""
    call = after(a_reconnecting_call(), detached(device), now=START + 10.0)
    assert is_untouched(step(call, CLOCK, now=START + 100.0), call)

    outcome = step(call, attached(device), now=START + 100.0)

    assert outcome.deliveries == (back(peer, device),)
    assert the(outcome.call).deadline == START + 120.0


def test_clock_stands_still_until_both_are_back() -> None:
    """One of two is not enough."""
    call = after(a_reconnecting_call(), detached(ALICE), now=START + 10.0)
    call = after(call, detached(PHONE), now=START + 15.0)
    call = after(call, attached(ALICE), now=START + 50.0)
    assert is_untouched(step(call, CLOCK, now=START + 90.0), call)

    call = after(call, attached(PHONE), now=START + 100.0)

    assert call.deadline == START + 120.0


def test_clock_that_would_start_while_a_side_is_away_waits() -> None:
    """All of the 30 s are left when it is back."""
    call = after(after(a_connected_call(), detached(PHONE)), failed(ALICE), now=START + 1)
    assert is_untouched(step(call, CLOCK, now=START + 100.0), call)

    call = after(call, attached(PHONE), now=START + 100.0)

    assert call.deadline == START + 130.0


def test_time_to_connect_stands_still_too() -> None:
    """Also before the first CONNECTED; a report meanwhile starts it no second time."""
    call = after(an_answered_call(), connecting(ALICE))
    call = after(call, detached(PHONE), connecting(ALICE), now=START + 20.0)

    outcome = step(call, attached(PHONE), now=START + 90.0)

    assert outcome.deliveries == (back(ALICE, PHONE),)
    assert the(outcome.call).deadline == START + 100.0


def test_side_without_a_clock_is_just_away() -> None:
    """A connected call has no time to stand still."""
    outcome = step(a_connected_call(), detached(PHONE))

    assert outcome.deliveries == (away(ALICE, PHONE),)
    assert the(outcome.call).quality == a_connected_call().quality
