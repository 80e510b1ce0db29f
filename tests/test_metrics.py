"""What an operator can read of how calls get on."""

import asyncio
import urllib.request

from signaling.v1 import signaling_pb2 as pb

from signaling_service.app import App
from tests.clock import ManualClock
from tests.devices import User, answered_call

SETUP = "signaling_call_setup_seconds"


def setups(app: App, outcome: str) -> tuple[float, float]:
    """How many calls had this outcome, and the seconds they took together."""
    value = app.metrics.registry.get_sample_value
    labels = {"outcome": outcome}
    return value(f"{SETUP}_count", labels) or 0, value(f"{SETUP}_sum", labels) or 0


async def test_set_up_time_is_from_the_offer_to_the_connection(
    app: App, alice: User, bob: User, clock: ManualClock
) -> None:
    """A call counts once, however often it is lost and comes back, and however it ends."""
    call = await answered_call(alice, bob)
    clock.advance(2)
    for state in (
        pb.PEER_CONNECTION_STATE_CONNECTED,
        pb.PEER_CONNECTION_STATE_FAILED,
        pb.PEER_CONNECTION_STATE_CONNECTED,
    ):
        await alice.phone.reports(call, state)
        await bob.phone.hears("connection_state")
        if state == pb.PEER_CONNECTION_STATE_FAILED:
            await alice.phone.hears("reconnect")
            await bob.phone.hears("reconnect")
    await alice.phone.hangs_up(call)
    await alice.phone.hears_end(pb.END_REASON_HANGUP)

    assert setups(app, "connected") == (1, 2)
    assert setups(app, "hangup") == (0, 0)


async def test_call_without_a_connection_counts_by_its_reason(
    app: App, alice: User, bob: User, clock: ManualClock
) -> None:
    """The rate of success is that of `connected` among all."""
    await alice.connect("phone")
    await bob.connect("phone")
    await alice.phone.offers(bob)
    await bob.phone.hears("offer")
    clock.advance(60)
    await alice.phone.hears_end(pb.END_REASON_NO_ANSWER)

    assert setups(app, "no_answer") == (1, 60)


async def test_calls_are_counted_from_their_offer_to_their_end(
    app: App, alice: User, bob: User
) -> None:
    """Each once, by the reason of its end; meanwhile it is one of the live ones."""
    value = app.metrics.registry.get_sample_value
    call = await answered_call(alice, bob)
    assert value("signaling_live_calls", {"state": "answered"}) == 1
    assert value("signaling_calls_begun_total") == 1

    await alice.phone.offers(call=call)
    await bob.phone.hears("offer")
    await alice.phone.hangs_up(call)
    await alice.phone.hears_end(pb.END_REASON_HANGUP)

    assert value("signaling_calls_begun_total") == 1
    assert value("signaling_calls_ended_total", {"reason": "hangup"}) == 1
    assert value("signaling_live_calls", {"state": "answered"}) == 0


async def test_streams_are_counted(app: App, alice: User) -> None:
    """As long as they are open."""
    await alice.connect("phone", "laptop")
    assert app.metrics.registry.get_sample_value("signaling_streams") == 2

    await alice.phone.half_closes()

    assert app.metrics.registry.get_sample_value("signaling_streams") == 1


async def test_metrics_are_served_without_anybodys_name(app: App, alice: User, bob: User) -> None:
    """In Prometheus' format, over HTTP."""
    call = await answered_call(alice, bob)
    await alice.phone.hangs_up(call)
    await alice.phone.hears_end(pb.END_REASON_HANGUP)
    app.metrics.serve("127.0.0.1", 0)

    def get() -> str:
        with urllib.request.urlopen(f"http://{app.metrics.address}/metrics") as response:
            return str(response.read(), "utf-8")

    text = await asyncio.to_thread(get)

    assert f'{SETUP}_count{{outcome="hangup"}} 1.0' in text
    assert not any(name in text for name in ("alice", "bob", call))


async def test_what_must_not_grow_is_shown(app: App, alice: User, bob: User) -> None:
    """The process, the tasks of its event loop, and what it holds in its memory."""

    def held() -> list[float | None]:
        value = app.metrics.registry.get_sample_value
        return [value("signaling_memory_held", {"kind": kind}) for kind in ("calls", "users")]

    before = app.metrics.registry.get_sample_value("signaling_event_loop_tasks")
    await answered_call(alice, bob)

    value = app.metrics.registry.get_sample_value
    assert held() == [1, 2]
    assert (value("signaling_event_loop_tasks") or 0) > (before or 0) > 0
    assert (value("process_resident_memory_bytes") or 0) > 0
    assert (value("process_open_fds") or 0) > 0
