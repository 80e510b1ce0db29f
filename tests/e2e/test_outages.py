"""Calls between real libwebrtc peers whose networks break in the middle of them.

Every outage is played once, some at a time, as each takes seconds that cannot be
hurried: libwebrtc says `disconnected` after five, and the advice comes three later.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

import pytest

from .endpoint import Endpoint
from .outages import (
    FROZEN_FOR,
    Call,
    Outage,
    Stage,
    both_lost,
    callee_frozen,
    direct_path_lost,
    direct_path_lost_with_relays,
    never_connected,
    nothing_helps,
    phone_moves,
    play,
    signaling_lost,
)

AT_ONCE: Final = 4  # on two cores; more would find the service's pings too late
PLAY_TIMEOUT: Final = 300.0  # s, with the ones before it
CALLER_OFFERS: Final = [[("OFFER", 1, "ALL")], [("WAIT", 1, "ALL")]]
CALLEE_OFFERS: Final = [[("WAIT", 1, "ALL")], [("OFFER", 1, "ALL")]]
HUNG_UP: Final = [["HANGUP"], ["HANGUP"]]
NO_ADVICE: Final[list[list[object]]] = [[], []]


@pytest.fixture(scope="module")
def recordings(
    request: pytest.FixtureRequest, stage: Stage
) -> Iterator[dict[Outage, Future[Call]]]:
    """Every outage that a selected test is about, the longest first."""
    markers = [item.get_closest_marker("outage") for item in request.session.items]
    seconds = {marker.args[0]: marker.args[1] for marker in markers if marker is not None}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        order = sorted(seconds, key=seconds.__getitem__, reverse=True)
        yield {outage: pool.submit(play, stage, outage) for outage in order}


@pytest.fixture
def recorded(request: pytest.FixtureRequest, recordings: dict[Outage, Future[Call]]) -> Call:
    """The call that this test's outage happened to."""
    marker = request.node.get_closest_marker("outage")
    return recordings[marker.args[0]].result(PLAY_TIMEOUT)


def short(name: str) -> str:
    """An enum's value without the enum's name."""
    prefixes = ("RECONNECT_ROLE_", "TRANSPORT_POLICY_", "END_REASON_", "PROGRESS_KIND_")
    for prefix in prefixes:
        name = name.removeprefix(prefix)
    return name


def advice(call: Call) -> list[list[tuple[Any, ...]]]:
    """What the caller was advised, and the callee: role, attempt and policy."""
    return [
        [
            (short(one["role"]), one["attempt"], short(one["transportPolicy"]))
            for one in side.all("reconnect")
        ]
        for side in call.sides
    ]


def ends(call: Call) -> list[list[str]]:
    """The reasons for which the call ended for the caller, and for the callee."""
    return [[short(one["reason"]) for one in side.all("ended")] for side in call.sides]


def progress(side: Endpoint, *, after: float) -> list[str]:
    """What a side heard of the other's stream."""
    return [short(one["kind"]) for one in side.all("progress", after=after)]


def are_relayed(call: Call) -> bool:
    """Whether the pair in use afterwards goes through the relay, as both sides see it."""
    return all("relay" in (pair["localType"], pair["remoteType"]) for pair in call.pairs)


def has_fresh_servers(side: Endpoint) -> bool:
    """Whether its advice came with credentials that were not those of the welcome."""
    (welcome, *_), (advised,) = side.all("welcome"), side.all("reconnect")
    (old,), (new,) = welcome["iceServers"], advised["iceServers"]
    assert old["urls"] == new["urls"]
    is_valid: bool = new["expireTime"]["seconds"] > advised["at"]
    return is_valid and old["username"] != new["username"]


def have_reported(call: Call) -> bool:
    """Whether each side has said that it is disconnected, and has heard it of the other."""
    said = [side.all("state", after=call.lost_at, state="disconnected") for side in call.sides]
    disconnected = "PEER_CONNECTION_STATE_DISCONNECTED"
    heard = [side.all("peer_state", state=disconnected) for side in call.sides]
    return all(said) and all(heard)


def assert_is_one_offer_each_time(call: Call) -> None:
    """Of every attempt one side heard OFFER and the other WAIT; attempts count from 1."""
    for number, both in enumerate(zip(*advice(call), strict=True), start=1):
        assert {(role, attempt) for role, attempt, _ in both} == {
            ("OFFER", number),
            ("WAIT", number),
        }


@pytest.mark.outage(direct_path_lost, 15)
def test_a_lost_path_is_replaced_by_the_relay(recorded: Call, figures: list[str]) -> None:
    """Both report it, one is told to offer and one to wait, and they talk on through the relay."""
    figures.append(
        f"direct path lost: media again after {recorded.heard_at - recorded.lost_at:.1f} s"
    )
    assert have_reported(recorded)
    assert advice(recorded) == CALLER_OFFERS
    assert all(has_fresh_servers(side) for side in recorded.sides)
    assert are_relayed(recorded)
    assert ends(recorded) == HUNG_UP


@pytest.mark.outage(direct_path_lost_with_relays, 10)
def test_a_relay_known_from_the_start_needs_no_advice(recorded: Call, figures: list[str]) -> None:
    """ICE moves to a relay that it has gathered before, and nobody is advised."""
    silence = recorded.heard_at - recorded.lost_at
    figures.append(
        f"direct path lost, relays known from the start: media again after {silence:.1f} s"
    )
    assert advice(recorded) == NO_ADVICE
    assert are_relayed(recorded)
    assert ends(recorded) == HUNG_UP


@pytest.mark.outage(signaling_lost, 12)
def test_a_lost_stream_is_resumed_and_the_call_goes_on(recorded: Call, figures: list[str]) -> None:
    """The peer hears AWAY and BACK; what was said meanwhile comes once, and the call stays up."""
    (back,) = recorded.callee.all("progress", kind="PROGRESS_KIND_BACK")
    healed = back["at"] - recorded.healed_at
    figures.append(f"signaling lost: back {healed:.1f} s after its path, the call untouched")
    assert progress(recorded.callee, after=recorded.lost_at) == ["AWAY", "BACK"]
    assert progress(recorded.caller, after=recorded.lost_at) == []
    assert [one["resumed"] for one in recorded.caller.all("welcome")] == [False, True]
    for side in recorded.sides:
        assert [one["text"] for one in side.all("said")] == ["one", "two"]
        assert side.all("state", after=recorded.lost_at) == []
    assert advice(recorded) == NO_ADVICE
    assert ends(recorded) == HUNG_UP


@pytest.mark.outage(both_lost, 17)
def test_the_side_that_is_connected_restarts(recorded: Call, figures: list[str]) -> None:
    """With the caller's stream lost too the callee is told to offer; the caller waits for it."""
    silence = recorded.heard_at - recorded.lost_at
    figures.append(f"direct path and signaling lost: media again after {silence:.1f} s")
    assert progress(recorded.callee, after=recorded.lost_at) == ["AWAY", "BACK"]
    assert [one["resumed"] for one in recorded.caller.all("welcome")] == [False, True]
    assert advice(recorded) == CALLEE_OFFERS
    assert are_relayed(recorded)
    assert ends(recorded) == HUNG_UP


@pytest.mark.outage(callee_frozen, 16)
def test_a_call_outlives_an_app_that_slept(recorded: Call, figures: list[str]) -> None:
    """The callee's app sleeps for 10 s: the caller restarts, and it answers when it wakes."""
    woken = recorded.heard_at - recorded.healed_at
    figures.append(f"callee frozen for {FROZEN_FOR:.0f} s: media again {woken:.1f} s after it woke")
    assert progress(recorded.caller, after=recorded.lost_at) == ["AWAY", "BACK"]
    assert [one["resumed"] for one in recorded.callee.all("welcome")] == [False, True]
    assert advice(recorded) == CALLER_OFFERS
    assert ends(recorded) == HUNG_UP


@pytest.mark.outage(phone_moves, 15)
def test_a_phone_changes_its_address(recorded: Call, figures: list[str]) -> None:
    """Signaling resumes from the new address, ICE restarts, and the call goes on directly."""
    silence = recorded.heard_at - recorded.lost_at
    figures.append(f"phone moved: media again after {silence:.1f} s")
    moved, other = recorded.caller, recorded.callee
    assert [one["resumed"] for one in moved.all("welcome")] == [False, True]
    # its new stream may replace the old one before anybody has missed that
    assert progress(other, after=recorded.lost_at) in ([], ["AWAY", "BACK"])
    assert advice(recorded) in (CALLER_OFFERS, CALLEE_OFFERS)
    pair, _ = recorded.pairs
    assert pair["local"].startswith(recorded.phones[0].direct.address)
    assert not are_relayed(recorded)
    assert ends(recorded) == HUNG_UP


@pytest.mark.outage(nothing_helps, 45)
def test_a_call_that_nothing_helps_is_lost_once(recorded: Call, figures: list[str]) -> None:
    """30 s after the advice both sides hear CONNECTION_LOST, once."""
    (ended,) = recorded.caller.all("ended")
    figures.append(f"nothing helps: lost after {ended['at'] - recorded.lost_at:.0f} s")
    assert advice(recorded)[0][0] == ("OFFER", 1, "ALL")
    assert_is_one_offer_each_time(recorded)
    assert ends(recorded) == [["CONNECTION_LOST"], ["CONNECTION_LOST"]]


@pytest.mark.outage(never_connected, 70)
def test_a_call_that_never_connects_fails_once(recorded: Call, figures: list[str]) -> None:
    """Peers with no way to each other are advised, and then hear CONNECT_FAILED, once."""
    (ended,) = recorded.caller.all("ended")
    figures.append(f"never connected: failed after {ended['at'] - recorded.lost_at:.0f} s")
    assert advice(recorded)[0][0] == ("OFFER", 1, "ALL")
    assert_is_one_offer_each_time(recorded)
    assert ends(recorded) == [["CONNECT_FAILED"], ["CONNECT_FAILED"]]
