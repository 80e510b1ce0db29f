"""The support desk of the documents, beside a real service."""

from examples.support_desk import calls_of
from signaling_service.app import App
from tests.devices import User


async def test_it_tells_how_calls_went(app: App, alice: User, bob: User) -> None:
    """A line for each call of the user."""
    await alice.connect("phone")
    await bob.connect("phone")
    call = await alice.phone.offers(bob)
    await bob.phone.is_rung()
    await bob.phone.rejects(call)
    await bob.phone.hears("ended")

    assert await calls_of("bob", app.address) == ["alice → bob: ended (offer, ringing, reject)"]
    assert await calls_of("carol", app.address) == []
