"""Where somebody comes from."""

import ipaddress

import pytest

from signaling_service.auth.address import origin

PROXIES = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")]
HERE = "ipv4:10.1.2.3:4711"

ORIGINS = {
    "IPv4": ("ipv4:192.0.2.1:5000", [], "192.0.2.1"),
    "IPv6": ("ipv6:%5B2001:db8:1:2:3:4:5:6%5D:5000", [], "2001:db8:1:2::/64"),
    "IPv6 with brackets": ("ipv6:[2001:db8:1:2::9]:5000", [], "2001:db8:1:2::/64"),
    "IPv4 in IPv6": ("ipv6:[::ffff:192.0.2.1]:5000", [], "192.0.2.1"),
    "a socket": ("unix:/run/signaling", [], ""),
    "nothing": ("", [], ""),
    "a stranger's claim": ("ipv4:192.0.2.1:5000", ["198.51.100.7"], "192.0.2.1"),
    "through a proxy": (HERE, ["198.51.100.7"], "198.51.100.7"),
    "a claim through a proxy": (HERE, ["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
    "through two proxies": (HERE, ["198.51.100.7, fd00::1"], "198.51.100.7"),
    "in two headers": (HERE, ["198.51.100.7", "10.9.9.9"], "198.51.100.7"),
    "a proxy that says nothing": (HERE, [], "10.1.2.3"),
    "a proxy that says nonsense": (HERE, ["unknown"], "10.1.2.3"),
}


@pytest.mark.parametrize(("peer", "forwarded", "there"), ORIGINS.values(), ids=ORIGINS.keys())
def test_origin(peer: str, forwarded: list[str], there: str) -> None:
    """The last address that is none of the operator's own proxies."""
    assert origin(peer, forwarded, PROXIES) == there
