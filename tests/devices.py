"""Test devices that speak the domain's words: `await alice.phone.offers(bob)`.

A device is a real client on a real socket: see `tests.wires`. What it hears comes in order:
`hears` takes the very next message and insists on its kind.
"""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any, Final

import grpc
from signaling.v1 import signaling_pb2 as pb

from tests import canaries
from tests.canaries import CANARY
from tests.wires import CHANNEL_OPTIONS, Wire, channel_to, wire_to

__all__ = ["CHANNEL_OPTIONS", "channel_to"]  # of every test that is a client

PATIENCE: Final = 10.0  # s; longer than anything takes on a busy machine
_CALL_NUMBERS = itertools.count(1)


def sdp(ufrag: str = "Ufr4") -> str:
    """A session description with an ICE generation."""
    return f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns={CANARY}\r\nt=0 0\r\na=ice-ufrag:{ufrag}\r\n"


def candidate(number: int, ufrag: str = "Ufr4") -> pb.IceCandidate:
    """A host candidate that can be told from others by its number."""
    line = f"candidate:{number} 1 udp 2130706431 127.0.0.1 {50000 + number} typ host"
    return pb.IceCandidate(candidate=f"{line} note {CANARY} ufrag {ufrag}", sdp_mid="0")


class Device:
    """One device of a user, with its session."""

    def __init__(self, user: "User", device_id: str) -> None:
        self.user = user
        self.device_id = device_id
        self.welcome = pb.Welcome()
        self.token: str | None = None  # instead of its name
        self.acknowledges = True  # every message at once, on the way in
        self.seq = 0  # the last request's
        self.received = 0  # the last response's
        self.acked_by_service = 0
        self.bare_acks: list[int] = []  # the acks that came alone
        self._wire: Wire | None = None
        self._heard: asyncio.Queue[pb.ConnectResponse | None] = asyncio.Queue()
        self._ack_moved = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None

    @property
    def message(self) -> pb.Device:
        """The device as the wire names it."""
        return pb.Device(user_id=self.user.user_id, device_id=self.device_id)

    @property
    def identity(self) -> tuple[tuple[str, str], ...]:
        """The request metadata that says whose stream it is."""
        if self.token is not None:
            return (("authorization", f"Bearer {self.token}"),)
        return (("user-id", self.user.user_id), ("device-id", self.device_id))

    # the stream

    async def opens(self, metadata: Sequence[tuple[str, str]] | None = None) -> None:
        """Open a stream and say nothing."""
        brought = self.identity if metadata is None else tuple(metadata)
        async with asyncio.timeout(PATIENCE):
            self._wire = await wire_to(self.user.address, brought, self.user.tls)
        self._heard = asyncio.Queue()
        self._reader = asyncio.create_task(self._read(self._wire))

    async def is_noticed(self) -> None:
        """Wait until the service has begun the stream."""
        assert self._wire is not None
        await self._wire.is_noticed(self.identity)

    async def connects(self, hello: pb.Hello | None = None) -> pb.Welcome:
        """Begin a session that remembers nothing of one before."""
        await self.opens()
        await self.sends(hello=hello or pb.Hello(), seq=0)
        self.seq = self.received = 0
        return await self._is_welcomed()

    async def resumes(self, ack: int | None = None) -> pb.Welcome:
        """Open a new stream for the session there was."""
        await self.opens()
        hello = pb.Hello(session_id=self.welcome.session_id)
        await self.sends(hello=hello, seq=0, ack=self.received if ack is None else ack)
        welcome = await self._is_welcomed()
        if not welcome.resumed:
            self.seq = self.received = 0
        return welcome

    async def drops(self) -> None:
        """Lose the connection without a word."""
        await self._close()

    async def half_closes(self) -> grpc.StatusCode:
        """Say politely that there will be no more; returns how the service ended the stream."""
        assert self._wire is not None
        await self._wire.half_close()
        return (await self.is_ended())[0]

    async def is_ended(self) -> tuple[grpc.StatusCode, str]:
        """Wait until the service ends the stream; returns its status and text."""
        assert self._wire is not None
        async with asyncio.timeout(PATIENCE):
            code, text = await self._wire.ending()
        canaries.watch("a status", text)
        await self._close()
        return code, text

    # talking

    async def sends(
        self, *, seq: int | None = None, ack: int = 0, call: str = "", **payload: Any
    ) -> int:
        """Send a request, numbered unless `seq` says otherwise; returns its seq."""
        if seq is None:
            seq = self.seq = self.seq + 1
        await self.writes(pb.ConnectRequest(seq=seq, ack=ack, call_id=call, **payload))
        return seq

    async def writes(self, request: pb.ConnectRequest) -> None:
        """Send a request as it is."""
        assert self._wire is not None
        await self._wire.write(request.SerializeToString())

    async def acks(self, seq: int) -> None:
        """Send a bare ack."""
        await self.sends(seq=0, ack=seq)

    async def offers(self, to: "User | Device | None" = None, call: str = "", **fields: Any) -> str:
        """Offer a call, or renegotiate `call`; returns the call's id."""
        call = call or f"call-{next(_CALL_NUMBERS)}"
        fields.setdefault("sdp", sdp())
        if isinstance(to, Device):
            fields["recipient_device_id"] = to.device_id
            to = to.user
        if to is not None:
            fields["recipient_user_id"] = to.user_id
        await self.sends(call=call, offer=pb.SdpOffer(**fields))
        return call

    async def rings(self, call: str) -> None:
        """Say that the person can hear it."""
        await self.sends(call=call, ringing=pb.Ringing())

    async def answers(self, call: str, ufrag: str = "Ufr4", negotiation: int = 0) -> None:
        """Answer the open offer."""
        await self.sends(call=call, answer=pb.SdpAnswer(sdp=sdp(ufrag), negotiation=negotiation))

    async def trickles(self, call: str, *numbers: int, ufrag: str = "Ufr4") -> None:
        """Send candidates, all in one message."""
        lines = [candidate(number, ufrag) for number in numbers]
        await self.sends(call=call, candidates=pb.IceCandidates(candidates=lines))

    async def rejects(
        self, call: str, reason: pb.RejectReason.ValueType = pb.REJECT_REASON_DECLINED
    ) -> None:
        """Do not take the call."""
        await self.sends(call=call, reject=pb.Reject(reason=reason))

    async def hangs_up(self, call: str, text: str | None = None) -> None:
        """End the call."""
        await self.sends(call=call, hangup=pb.Hangup(text=text))

    async def reports(self, call: str, state: pb.PeerConnectionState.ValueType) -> None:
        """Report the state of the peer connection."""
        await self.sends(call=call, connection_state=pb.ConnectionState(state=state))

    # listening

    async def hears(self, kind: str) -> pb.ConnectResponse:
        """The next message, which has to be of this kind."""
        async with asyncio.timeout(PATIENCE):
            response = await self._heard.get()
        assert response is not None, f"the stream ended instead of {kind}"
        assert response.WhichOneof("payload") == kind, response
        if response.seq:
            assert response.seq == self.received + 1, response
            self.received = response.seq
            if self.acknowledges:
                await self.acks(response.seq)
        return response

    async def is_rung(self) -> pb.ConnectResponse:
        """An offer comes; says that it rings."""
        response = await self.hears("offer")
        await self.rings(response.call_id)
        return response

    async def hears_progress(self, kind: pb.ProgressKind.ValueType) -> pb.CallProgress:
        """The next message tells of this progress."""
        progress = (await self.hears("progress")).progress
        assert progress.kind == kind, progress
        return progress

    async def hears_end(self, reason: pb.EndReason.ValueType) -> pb.CallEnded:
        """The next message says that the call is over, and why."""
        ended = (await self.hears("ended")).ended
        assert ended.reason == reason, ended
        return ended

    async def is_refused(self, code: pb.ErrorCode.ValueType) -> pb.RequestError:
        """The last request is refused with this code."""
        error = (await self.hears("error")).error
        assert (error.in_reply_to, error.code) == (self.seq, code), error
        return error

    async def hears_candidates(self, count: int) -> list[int]:
        """The numbers of the next candidates, in the order they come."""
        numbers: list[int] = []
        while len(numbers) < count:
            message = (await self.hears("candidates")).candidates
            numbers += [int(line.candidate.split()[0].split(":")[1]) for line in message.candidates]
        return numbers

    async def hears_nothing(self) -> None:
        """Nothing has come, up to what the service answers to a request made now."""
        await self.sends(call="no-such-call", ringing=pb.Ringing())
        await self.is_refused(pb.ERROR_CODE_CALL_NOT_FOUND)

    async def is_acknowledged(self, seq: int | None = None) -> None:
        """Wait until the service has acknowledged a request: the last one, or `seq`."""
        async with asyncio.timeout(PATIENCE):
            while self.acked_by_service < (self.seq if seq is None else seq):
                self._ack_moved.clear()
                await self._ack_moved.wait()

    async def _is_welcomed(self) -> pb.Welcome:
        response = await self.hears("welcome")
        assert response.seq == 0
        self.welcome = response.welcome
        passwords = [server.credential for server in self.welcome.ice_servers]
        canaries.plant(self.welcome.session_id, *passwords)
        return self.welcome

    async def _read(self, wire: Wire) -> None:
        heard = self._heard
        while (message := await wire.read()) is not None:
            response = pb.ConnectResponse.FromString(message)
            self.acked_by_service = response.ack
            self._ack_moved.set()
            canaries.watch("an error", response.error)
            if response.WhichOneof("payload") is not None:
                heard.put_nowait(response)
            else:
                self.bare_acks.append(response.ack)
        heard.put_nowait(None)

    async def _close(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait([self._reader])
        if self._wire is not None:
            await self._wire.close()
        self._reader = self._wire = None


class User:
    """A user; its devices come into being when they are named.

    Every stream goes to the next of the addresses, so that what is said at one node
    has to arrive at another.
    """

    def __init__(self, user_id: str, *addresses: str) -> None:
        self.user_id = user_id
        self.tls: grpc.ChannelCredentials | None = None
        self._addresses = itertools.cycle(addresses)
        self._devices: dict[str, Device] = {}

    def __getattr__(self, device_id: str) -> Device:
        if device_id.startswith("_"):
            raise AttributeError(device_id)
        return self._devices.setdefault(device_id, Device(self, device_id))

    @property
    def address(self) -> str:
        """Where to open the next stream."""
        return next(self._addresses)

    async def connect(self, *device_ids: str) -> None:
        """Connect these devices, one after the other."""
        for device_id in device_ids:
            await getattr(self, device_id).connects()

    async def close(self) -> None:
        """Drop every device."""
        for device in self._devices.values():
            await device.drops()


async def answered_call(caller: User, callee: User) -> str:
    """A call between the phones of both that was answered; connects them first."""
    await caller.connect("phone")
    await callee.connect("phone")
    call = await caller.phone.offers(callee)
    await callee.phone.hears("offer")
    await callee.phone.answers(call)
    await caller.phone.hears("answer")
    await callee.phone.hears_progress(pb.PROGRESS_KIND_WON)
    return call
