"""A device's stream as bytes, exactly as they come."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import grpc
from signaling.v1 import signaling_pb2 as pb

from tests.devices import CHANNEL_OPTIONS, PATIENCE

METHOD: Final = "/signaling.v1.SignalingService/Connect"


class Wire:
    """A stream that says hello, and then what a test wants."""

    def __init__(self, stream: grpc.aio.StreamStreamCall[bytes, bytes]) -> None:
        self.heard: list[bytes] = []  # after the welcome
        self._stream = stream
        self._seq = 0
        self._received = 0

    async def says(self, call: str, **payload: Any) -> int:
        """Send a numbered request; returns its seq."""
        self._seq += 1
        request = pb.ConnectRequest(seq=self._seq, ack=self._received, call_id=call, **payload)
        await self._stream.write(request.SerializeToString())
        return self._seq

    async def hears(self) -> pb.ConnectResponse:
        """The next response, bare acks included."""
        async with asyncio.timeout(PATIENCE):
            data = await self._stream.read()
        assert isinstance(data, bytes), "the stream has ended"
        self.heard.append(data)
        response = pb.ConnectResponse.FromString(data)
        self._received = response.seq or self._received
        return response

    async def hears_end(self) -> None:
        """Listen until a call is over."""
        while (await self.hears()).WhichOneof("payload") != "ended":
            pass

    async def listens(self) -> None:
        """Listen until all is answered that was said: what comes now came for that."""
        seq = await self.says("no-such-call", ringing=pb.Ringing())
        while (await self.hears()).error.in_reply_to != seq:
            pass


@asynccontextmanager
async def connected(address: str, user_id: str) -> AsyncIterator[Wire]:
    """The stream of a user's phone, once it is welcomed."""
    metadata = (("user-id", user_id), ("device-id", "phone"))
    async with grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
        connect: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(METHOD)
        stream = connect(metadata=metadata)
        wire = Wire(stream)
        await stream.write(pb.ConnectRequest(hello=pb.Hello()).SerializeToString())
        await wire.hears()
        wire.heard.clear()
        yield wire
        stream.cancel()
