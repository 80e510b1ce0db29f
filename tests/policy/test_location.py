"""Where a policy may be: on this machine, or behind TLS."""

from pathlib import Path

import pytest

from signaling_service.policy.location import PolicyLocation


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("grpc://127.0.0.1:50061", PolicyLocation("127.0.0.1:50061", is_tls=False)),
        ("grpc://localhost:1", PolicyLocation("localhost:1", is_tls=False)),
        ("grpc://[::1]:50061", PolicyLocation("[::1]:50061", is_tls=False)),
        ("grpcs://policy.example:443", PolicyLocation("policy.example:443", is_tls=True)),
        (
            "grpcs://192.0.2.1:443?ca=/etc/ca.pem",
            PolicyLocation("192.0.2.1:443", is_tls=True, ca=Path("/etc/ca.pem")),
        ),
    ],
)
def test_location(url: str, location: PolicyLocation) -> None:
    """Host, port, and whom to trust."""
    assert PolicyLocation.parse(url) == location


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("grpc://192.0.2.1:50061", "'192.0.2.1' is not loopback: use grpcs://"),
        ("grpc://policy.example:50061", "'policy.example' is not loopback: use grpcs://"),
        ("http://127.0.0.1:1", "is not grpc://HOST:PORT or grpcs://HOST:PORT"),
        ("grpc://127.0.0.1", "is not grpc://HOST:PORT or grpcs://HOST:PORT"),
        ("grpc://:50061", "is not grpc://HOST:PORT or grpcs://HOST:PORT"),
        ("grpc://127.0.0.1:0", "is not grpc://HOST:PORT or grpcs://HOST:PORT"),
        ("grpc://127.0.0.1:1/path", "is not grpc://HOST:PORT or grpcs://HOST:PORT"),
        ("grpcs://user:word@policy.example:1", "is not grpc://HOST:PORT or grpcs://HOST:PORT"),
        ("grpc://127.0.0.1:65536", "Port out of range"),
        ("grpc://127.0.0.1:1?ca=/etc/ca.pem", "ca= needs grpcs://"),
        ("grpcs://policy.example:1?cert=x", "ca=FILE is the only parameter"),
    ],
)
def test_no_location(url: str, why: str) -> None:
    """Plain text stays on this machine: on the way a no could be made a yes."""
    with pytest.raises(ValueError, match=r"^" + why.replace("?", r"\?")):
        PolicyLocation.parse(url)
