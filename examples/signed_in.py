"""Bob's phone at a service that wants tokens and TLS; `signaling-service certs` made both."""

import asyncio
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path
from typing import Final

import grpc
from signaling.v1 import signaling_pb2 as pb

from signaling_service.client import Client, Incoming, Token, bearer

COMMAND: Final = (sys.executable, "-m", "signaling_service", "token")
MINUTES: Final = 60


async def new_token() -> Token:
    """Ask for a token: an app asks its own backend, this one the command line."""
    whose = ("--user", "bob", "--device", "phone", "--minutes", str(MINUTES))
    asked = await asyncio.create_subprocess_exec(*COMMAND, *whose, stdout=PIPE, stderr=DEVNULL)
    token, _ = await asked.communicate()
    return Token(token.decode().strip(), expires_at=time.time() + MINUTES * 60)


def trusted() -> grpc.ChannelCredentials:
    """Whose certificates to trust; without an argument it would be the public authorities'."""
    return grpc.ssl_channel_credentials(Path("local/ca.pem").read_bytes())


async def main(address: str = "localhost:50051") -> None:
    """Answer nobody, with a new token every hour, until the service turns the phone away."""
    async with Client(address, bearer(new_token), tls=trusted()) as phone:
        async for event in phone:
            match event:
                case Incoming(call):
                    call.ring()
                    call.reject(pb.REJECT_REASON_BUSY_EVERYWHERE)


if __name__ == "__main__":
    asyncio.run(main())
