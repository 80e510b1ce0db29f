"""Addresses and URLs as an operator writes them."""

from typing import Final
from urllib.parse import urlsplit

from signaling_service.loopback import is_loopback

MAX_PORT: Final = 65535


def host_and_port(address: str) -> tuple[str, int]:
    """The parts of `HOST:PORT`; an IPv6 host may have its brackets.

    Raises:
        ValueError: it is none.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > MAX_PORT:
        raise ValueError(f"{address!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def check_web_url(url: str) -> None:
    """See that nobody on the way can change what comes from a URL.

    Raises:
        ValueError: somebody could.
    """
    parts = urlsplit(url)
    is_safe = parts.scheme == "https" or (
        parts.scheme == "http" and is_loopback(parts.hostname or "")
    )
    if not is_safe or not parts.hostname:
        raise ValueError("is not https://…, or http://… on loopback")
