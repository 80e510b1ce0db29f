"""Bob's phone: it rings for every call, and is busy."""

import asyncio

from signaling.v1 import signaling_pb2 as pb

from signaling_service.client import Client, Incoming, identity


async def main(address: str = "127.0.0.1:50051") -> None:
    """Answer nobody, until the service turns the phone away."""
    async with Client(address, identity("bob", "phone")) as phone:
        async for event in phone:
            match event:
                case Incoming(call):
                    call.ring()
                    call.reject(pb.REJECT_REASON_BUSY_EVERYWHERE)


if __name__ == "__main__":
    asyncio.run(main())
