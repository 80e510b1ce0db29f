"""Free ports of 127.0.0.1."""

import secrets
import socket
from typing import Final

# below the ports that systems give to clients: a client that tries to reach a server that
# is down could otherwise be given the server's own port, and be connected to itself;
# the nodes of a cluster talk to each other 10,000 above, which is still below
_PORTS: Final = range(12_000, 22_000)


def free_port() -> int:
    """A port on which nothing listens now; whoever wants it must be quick, or try another."""
    while True:
        # not `random`: property tests seed it, and all workers would try the same ports
        port = secrets.choice(_PORTS)
        with socket.socket() as probe:
            # as servers do: connections that have ended do not keep a port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
