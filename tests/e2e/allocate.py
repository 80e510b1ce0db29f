"""Asks a TURN server for a relayed address, with the credentials it is given. Run as a program.

Prints the address, or the code of the STUN error (RFC 8656) that refuses it.
"""

import asyncio
import sys

from aioice import stun, turn


async def allocate(host: str, port: str, username: str, password: str) -> str:
    """The outcome of one attempt."""
    server = (host, int(port))
    try:
        transport, _ = await turn.create_turn_endpoint(
            asyncio.DatagramProtocol, server, username, password
        )
    except stun.TransactionFailed as error:
        code, _ = error.response.attributes["ERROR-CODE"]
        return str(code)
    address, _ = transport.get_extra_info("sockname")
    transport.close()
    return str(address)


if __name__ == "__main__":
    sys.stdout.write(asyncio.run(allocate(*sys.argv[1:])))
