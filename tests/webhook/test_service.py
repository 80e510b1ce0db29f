"""A service that posts what happens to it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest
from prometheus_client import generate_latest
from signaling.v1 import signaling_pb2 as pb
from standardwebhooks import Webhook

from signaling_service.app import App
from signaling_service.clock import SystemClock
from signaling_service.config import Settings
from tests import canaries
from tests.canaries import CANARY
from tests.devices import User
from tests.faults.nodes import Nodes, Place
from tests.shared import shared_cell
from tests.valkey import Valkey
from tests.valkey.waiting import until
from tests.webhook.hook import Hook, hooking
from tests.webhook.node import SECRET

CALL_KINDS: Final = ("offer_pending", "offer_settled", "call_answered", "call_ended")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The secret, which nobody may hear."""
    canaries.plant(SECRET, SECRET.removeprefix("whsec_"))
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    return file


async def a_call(alice: User, bob: User) -> str:
    """Bob's phone answers, and hangs up."""
    call = await alice.laptop.offers(bob)
    await bob.phone.is_rung()
    await bob.phone.answers(call)
    await bob.phone.hears_progress(pb.PROGRESS_KIND_WON)
    await bob.phone.hangs_up(call)
    await bob.phone.hears_end(pb.END_REASON_HANGUP)
    return call


def told(hook: Hook, call: str) -> list[str]:
    """The kinds of what was taken about a call, in that order."""
    kinds: list[str] = []
    for posted in hook.taken:
        kind = posted.event.WhichOneof("event")
        assert kind is not None
        if getattr(getattr(posted.event, kind), "call_id", None) == call:
            kinds.append(kind)
    return kinds


async def test_a_call_is_posted(file: Path) -> None:
    """From its beginning to its end, with all that a push needs, and nothing that is secret."""
    async with hooking() as hook:
        settings = Settings(listen="127.0.0.1:0", webhook_url=hook.url, webhook_secret_file=file)
        async with App(settings, SystemClock()) as app:
            await is_active(app)
            alice, bob = User("alice", app.address), User("bob", app.address)
            await alice.laptop.connects()
            await bob.phone.connects()
            call = await a_call(alice, bob)
            await hook.has(lambda hook: told(hook, call)[-1:] == ["call_ended"])
            await alice.close()
            await bob.close()
            figures = generate_latest(app.metrics.registry).decode()

        assert set(told(hook, call)) == set(CALL_KINDS)
        assert told(hook, call)[0] == "offer_pending"
        (pending,) = [
            posted.event.offer_pending
            for posted in hook.taken
            if posted.event.HasField("offer_pending")
        ]
        assert pending.recipient_user_id == "bob"
        assert [device.device_id for device in pending.reached] == ["phone"]
        for posted in hook.taken:
            Webhook(SECRET).verify(posted.body, dict(posted.headers))
            assert CANARY not in posted.body.decode()
        canaries.watch("the metrics", figures)
        assert 'signaling_webhook_posts_total{result="taken"}' in figures


async def is_active(app: App) -> None:
    """Wait until a node posts."""

    async def is_so() -> bool:
        return app.metrics.registry.get_sample_value("signaling_webhook_active") == 1

    await until(is_so)


async def test_the_node_that_posts_is_killed(valkey: Valkey, file: Path) -> None:
    """The other one goes on, and tells all that happens to a call in between."""
    async with hooking() as hook:
        options = ("--webhook-url", hook.url, "--webhook-secret-file", str(file))
        async with Nodes(*[shared_cell(valkey)] * 2, options=options) as nodes:
            first = await claimed(nodes.places)
            (other,) = [place for place in nodes.places if place is not first]
            alice, bob = User("alice", other.address), User("bob", other.address)
            await alice.laptop.connects()
            await bob.phone.connects()
            call = await a_call(alice, bob)
            await hook.has(lambda hook: told(hook, call)[-1:] == ["call_ended"])

            await first.kill()
            later = await a_call(alice, bob)
            await hook.has(lambda hook: told(hook, later)[-1:] == ["call_ended"])
            await alice.close()
            await bob.close()
            nodes.check_logs()

        assert list(dict.fromkeys(told(hook, call))) == told(hook, later)
        assert set(told(hook, later)) == set(CALL_KINDS)


async def claimed(places: Sequence[Place]) -> Place:
    """The node that posts, once one does."""
    found: list[Place] = []

    async def is_one() -> bool:
        found[:] = [
            place
            for place in places
            if any(line["event"] == "webhook_claimed" for line in place.log)
        ]
        return bool(found)

    await until(is_one)
    (one,) = found
    return one
