"""Where somebody comes from: whose failures are counted together."""

import ipaddress
from collections.abc import Sequence
from typing import Final

IPV6_PREFIX: Final = 64  # bits; one household or one server has as many addresses behind it

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def origin(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """The address, or the IPv6 /64, that a request comes from; "" if nobody can tell.

    Args:
        peer: the other end of the connection, as gRPC writes it: `ipv4:192.0.2.1:5`.
        forwarded: the values of `x-forwarded-for`, in order.
        trusted: proxies that are believed; the last address that is none of them counts.
    """
    address = _address(peer.partition(":")[2].rpartition(":")[0])
    hops = [hop for value in forwarded for hop in value.split(",")]
    while address is not None and hops and any(address in network for network in trusted):
        address = _address(hops.pop()) or address
    if address is None:
        return ""
    if address.version == 4:  # noqa: PLR2004 - of IP
        return str(address)
    return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))


def _address(text: str) -> Address | None:
    # gRPC escapes the brackets of an IPv6 address
    plain = text.strip().replace("%5B", "").replace("%5D", "").strip("[]")
    try:
        address = ipaddress.ip_address(plain)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
