"""Where a policy is that is asked over gRPC."""

from pathlib import Path
from typing import Final, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

from signaling_service.loopback import is_loopback

SCHEMES: Final = ("grpc", "grpcs")


class PolicyLocation(NamedTuple):
    """A `CallPolicyService`: where it listens, and how it is trusted."""

    address: str  # HOST:PORT
    is_tls: bool
    ca: Path | None = None  # the roots to trust instead of the usual ones

    @classmethod
    def parse(cls, url: str) -> Self:
        """The location that `grpc://HOST:PORT` or `grpcs://HOST:PORT?ca=FILE` names.

        Raises:
            ValueError: it names none; or in plain text one that is not on this machine:
                on the way, a verdict could be read, and be changed.
        """
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        if parts.scheme not in SCHEMES or not host or not port or parts.path or parts.username:
            raise ValueError("is not grpc://HOST:PORT or grpcs://HOST:PORT")
        is_tls = parts.scheme == "grpcs"
        if not is_tls and not is_loopback(host):
            raise ValueError(f"{host!r} is not loopback: use grpcs://")
        ca = _ca(parts.query) if parts.query else None
        if ca is not None and not is_tls:
            raise ValueError("ca= needs grpcs://")
        return cls(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", is_tls, ca)


def is_url(call_policy: str) -> bool:
    """Whether a setting is meant as a URL, not as a name."""
    return "://" in call_policy


def _ca(query: str) -> Path:
    parameters = parse_qs(query, keep_blank_values=True)
    if set(parameters) != {"ca"}:
        raise ValueError("ca=FILE is the only parameter")
    return Path(parameters["ca"][-1])
