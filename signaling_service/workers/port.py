"""The port that all workers listen on."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from signaling_service.config import SettingError, Settings


@contextmanager
def reserved(settings: Settings) -> Iterator[str]:
    """Where workers shall listen: the port is chosen, and nobody else gets it meanwhile.

    Raises:
        SettingError: somebody listens there already, or there is no such address.
    """
    host, port = settings.listen_address()
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # a port that is shared can be had although somebody listens: ask for all of it first
        _bound(family, address, socket.SO_REUSEADDR).close()
        shared = _bound(family, address, socket.SO_REUSEPORT)
    except OSError as error:
        raise SettingError("listen", f"cannot listen on {settings.listen}") from error
    with shared:
        yield f"{settings.listen.rpartition(':')[0]}:{shared.getsockname()[1]}"


def _bound(family: int, address: Any, option: int) -> socket.socket:
    """A socket that has the address, and does not listen."""
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, option, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound
