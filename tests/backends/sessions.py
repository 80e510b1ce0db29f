"""Sessions and streams: what a hello finds, and which stream counts."""

import pytest

from signaling_service.backends.base import Over
from signaling_service.core.errors import (
    FencedError,
    TooManyDevicesError,
)
from signaling_service.core.model import Device
from tests.backends.cell import (
    Cell,
    a_ringing_call,
    an_answered_call,
    connect,
    drop,
    hello,
    kinds,
    step_of,
)
from tests.core.events import (
    CLOCK,
    answer_from,
    app_message_from,
    offer_from,
)
from tests.core.names import ALICE, ALICES_PHONE, CALL_ID, MALLORY, PHONE


class SessionContract:
    """What every backend promises of sessions."""

    async def test_hello_opens_a_session(self, cell: Cell) -> None:
        """Fresh, empty, and with a secret of its own."""
        alice, phone = await connect(cell, ALICE), await connect(cell, PHONE)

        assert (alice.hello.is_resumed, alice.hello.received, alice.hello.acked) == (False, 0, 0)
        assert (list(alice.hello.calls), dict(alice.hello.unheard)) == ([], {})
        assert alice.hello.session_id != phone.hello.session_id
        assert len(alice.hello.session_id) * 6 >= 128
        assert list(await alice.read()) == []

    async def test_session_outlives_its_stream(self, cell: Cell) -> None:
        """A resume finds what was processed, what was acknowledged, and what came meanwhile."""
        alice, phone = await a_ringing_call(cell)
        await drop(alice)
        await phone.send(answer_from(PHONE))

        again = await connect(cell, ALICE, alice.hello.session_id)

        assert again.hello.is_resumed
        assert (again.hello.received, again.hello.acked) == (1, 0)
        assert (again.id.session, again.hello.session_id) == (
            alice.id.session,
            alice.hello.session_id,
        )
        assert kinds(await again.read()) == ["answer"]

    async def test_resume_acknowledges(self, cell: Cell) -> None:
        """Up to the ack of the hello; the rest comes again, under the same numbers."""
        alice, phone = await a_ringing_call(cell)
        for body in (b"one", b"two", b"three"):
            await phone.send(app_message_from(PHONE, body))
        before = await alice.read()
        await drop(alice)

        again = await connect(cell, ALICE, alice.hello.session_id, ack=2)

        assert again.hello.acked == 2
        assert list(await again.read(2)) == list(before[2:])

    async def test_resume_with_a_lower_ack_is_still_a_resume(self, cell: Cell) -> None:
        """What is acknowledged stays so."""
        alice, phone = await a_ringing_call(cell)
        await phone.send(app_message_from(PHONE))
        await alice.ack(1)

        again = await connect(cell, ALICE, alice.hello.session_id, ack=0)

        assert (again.hello.is_resumed, again.hello.acked) == (True, 1)

    async def test_resume_with_an_ack_too_high_is_none(self, cell: Cell) -> None:
        """The backend has lost data, or the device remembers another session."""
        alice = await connect(cell, ALICE)

        assert isinstance(await hello(cell, ALICE, alice.hello.session_id, ack=1), Over)

    @pytest.mark.parametrize("session_id", [None, "", "wrong"])
    async def test_other_hello_ends_the_session(self, cell: Cell, session_id: str | None) -> None:
        """A device that remembers nothing, or something else, starts anew."""
        alice = await connect(cell, ALICE)

        over = await hello(cell, ALICE, session_id)

        assert over == Over(ALICE, alice.id.session, [])
        await cell.backend.end(over)
        again = await connect(cell, ALICE, session_id)
        assert not again.hello.is_resumed
        assert again.hello.session_id != alice.hello.session_id
        assert again.id.session > alice.id.session

    async def test_session_id_is_good_for_its_device_alone(self, cell: Cell) -> None:
        """Whoever else has it gets a session of their own."""
        alice = await connect(cell, ALICE)

        phone = await connect(cell, ALICES_PHONE, alice.hello.session_id)

        assert not phone.hello.is_resumed
        assert list(await alice.read()) == []

    async def test_session_that_is_over_names_its_calls(self, cell: Cell) -> None:
        """Those that may concern it: its own, and all that ring at its user."""
        alice, phone = await a_ringing_call(cell)

        for device in (alice, phone):
            over = await hello(cell, device.device)
            assert over == Over(device.device, device.id.session, [CALL_ID])

    async def test_newest_stream_counts(self, cell: Cell) -> None:
        """The one before is woken, and can do nothing from that instant."""
        old = await connect(cell, ALICE)
        wakes = old.wakes

        new = await connect(cell, ALICE, old.hello.session_id)

        assert new.id.fence > old.id.fence
        assert old.wakes > wakes
        for action in (old.read, lambda: old.send(offer_from(ALICE)), lambda: old.ack(0)):
            with pytest.raises(FencedError):
                await action()
        assert list(await cell.backend.detach(old.id)) == []
        assert list(await new.read()) == []

    async def test_replaced_stream_leaves_no_trace(self, cell: Cell) -> None:
        """Its request is neither processed nor recorded."""
        old = await connect(cell, ALICE)
        new = await connect(cell, ALICE, old.hello.session_id)
        with pytest.raises(FencedError):
            await old.send(offer_from(ALICE))

        again = await connect(cell, ALICE, new.hello.session_id)

        assert again.hello.received == 0
        assert (await step_of(cell, CALL_ID, CLOCK)).outcome.call is None

    async def test_late_drop_of_a_replaced_stream_is_no_drop(self, cell: Cell) -> None:
        """The device stays connected."""
        old = await connect(cell, PHONE)
        await connect(cell, PHONE, old.hello.session_id)
        await drop(old)

        alice = await connect(cell, ALICE)
        outcome = (await alice.send(offer_from(ALICE))).outcome

        assert [delivery.device for delivery in outcome.deliveries] == [PHONE]

    async def test_stream_of_a_session_that_is_over_counts_no_more(self, cell: Cell) -> None:
        """From the hello that voids it, before its calls have been told."""
        alice = await connect(cell, ALICE)
        wakes = alice.wakes

        await hello(cell, ALICE)

        assert alice.wakes > wakes
        with pytest.raises(FencedError):
            await alice.send(offer_from(ALICE))
        with pytest.raises(FencedError):
            await alice.read()

    async def test_dropped_stream_is_not_connected(self, cell: Cell) -> None:
        """Its device is passed over by offers, its mailbox is not."""
        alice, phone = await a_ringing_call(cell)
        await drop(phone)
        await alice.send(app_message_from(ALICE))
        mallory = await connect(cell, MALLORY)

        outcome = (await mallory.send(offer_from(MALLORY, call_id="other"))).outcome

        assert [delivery.device for delivery in outcome.deliveries] == [MALLORY]
        again = await connect(cell, PHONE, phone.hello.session_id)
        assert kinds(await again.read())[:2] == ["offer", "app_message"]

    async def test_drop_names_the_calls_to_tell(self, cell: Cell) -> None:
        """Those of the device; none the second time."""
        alice, _ = await an_answered_call(cell)

        assert list(await cell.backend.detach(alice.id)) == [CALL_ID]

    async def test_user_has_so_many_connected_devices(self, cell: Cell) -> None:
        """One more is turned away; those that are there may come again."""
        streams = [await connect(cell, Device("alice", f"d{number}")) for number in range(3)]

        with pytest.raises(TooManyDevicesError):
            await connect(cell, ALICE)

        await connect(cell, streams[0].device, streams[0].hello.session_id)
        await connect(cell, streams[1].device)
        await connect(cell, PHONE)

    async def test_dropped_device_makes_room(self, cell: Cell) -> None:
        """Only connected devices count."""
        streams = [await connect(cell, Device("alice", f"d{number}")) for number in range(3)]
        await drop(streams[0])

        await connect(cell, ALICE)

        with pytest.raises(TooManyDevicesError):
            await connect(cell, streams[0].device, streams[0].hello.session_id)
