"""Two people who talk while somebody else does what is bad."""

import asyncio
from typing import Any

from signaling.v1 import signaling_pb2 as pb

from signaling_service.app import App
from signaling_service.backends.records import Records
from tests.bad_inputs.case import THEIRS
from tests.clock import ManualClock
from tests.devices import PATIENCE, Device, User
from tests.transport.census import at_rest

SESSION_OVER = 121.0  # s; a device that has gone is forgotten by then
CALL_FORGOTTEN = 601.0  # s; a call that is over likewise


class Bystanders:
    """A call between the phones of two people, and what the service keeps."""

    def __init__(self, app: App, clock: ManualClock, alice: User, bob: User) -> None:
        self._app = app
        self._clock = clock
        self._alice = alice.phone
        self._bob = bob.phone
        self._said = 0

    async def begin(self) -> None:
        """Begin the call, and say something."""
        await self._bob.connects()
        await self._alice.connects()
        await self._alice.offers(self._bob, call=THEIRS)
        await self._bob.hears("offer")
        await self._bob.answers(THEIRS)
        await self._alice.hears("answer")
        await self._bob.hears_progress(pb.PROGRESS_KIND_WON)
        await self.are_undisturbed()

    async def are_undisturbed(self) -> None:
        """They hear each other and nothing else."""
        for one, other in ((self._alice, self._bob), (self._bob, self._alice)):
            self._said += 1
            body = str(self._said).encode()
            await one.sends(call=THEIRS, app_message=pb.AppMessage(body=body))
            assert (await other.hears("app_message")).app_message.body == body

    async def are_alone(self, *others: User) -> None:
        """Once the others have gone nothing is left of them: no task, no session, no call."""
        for user in others:
            await user.close()
        await at_rest(streams=2)
        for seconds in (SESSION_OVER, CALL_FORGOTTEN):
            self._clock.advance(seconds)
            await self._alice.hears_nothing()
        async with asyncio.timeout(PATIENCE):
            while (kept := self._kept()) != self._expected():
                await self._alice.hears_nothing()
        assert kept == self._expected()

    def _expected(self) -> tuple[set[str], set[tuple[str, str]]]:
        phones: tuple[Device, ...] = (self._alice, self._bob)
        return {THEIRS}, {(phone.user.user_id, phone.device_id) for phone in phones}

    def _kept(self) -> tuple[set[str], set[tuple[str, str]]]:
        """The calls and the sessions that the service knows."""
        backend: dict[str, Any] = vars(vars(self._app)["_backend"])
        records: Records = backend["_records"]
        sessions = {
            (user_id, device_id)
            for user_id, user in records.users.items()
            for device_id in user.sessions
        }
        return set(records.calls), sessions | {tuple(each) for each in backend["_departed"]}
