"""Whether something stays on this machine."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, and nobody else can listen in."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
