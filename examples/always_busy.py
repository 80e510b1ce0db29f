"""Bob's phone: it rings for every call, and is busy."""

import asyncio

from signaling.v1 import signaling_pb2 as pb

from examples.minimal_client import Client


async def main(address: str = "127.0.0.1:50051") -> None:
    """Answer nobody, until the service turns the phone away."""
    phone = Client(address, [("user-id", "bob"), ("device-id", "phone")])
    async for event in phone.events():
        if event.HasField("offer"):
            phone.send(event.call_id, ringing=pb.Ringing())
            phone.send(event.call_id, reject=pb.Reject(reason=pb.REJECT_REASON_BUSY_EVERYWHERE))


if __name__ == "__main__":
    asyncio.run(main())
