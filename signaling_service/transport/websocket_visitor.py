"""Who comes with an upgrade request: what of it are credentials, and from where it is.

A browser can set no header of it but `Sec-WebSocket-Protocol`, and a URL is in every log.
So they come as headers, as subprotocols, or in the first frame: the first way that is used
counts, and what comes in another one is not looked at.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import unquote_to_bytes, urlsplit

from websockets.typing import Subprotocol

from signaling_service.loopback import is_loopback

SUBPROTOCOL: Final = Subprotocol("signaling.v1")  # what is spoken here

_HEADERS: Final = ("authorization", "user-id", "device-id")
_ASIDE: Final = ("role", "x-forwarded-for")  # metadata that is nobody's name
_PREFIXES: Final = {"bearer.": "authorization", "user-id.": "user-id", "device-id.": "device-id"}
_BROKEN: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")

Metadata = tuple[tuple[str, str], ...]


def metadata_of(headers: Iterable[tuple[str, str]], offered: Sequence[str]) -> Metadata:
    """An upgrade request's headers and the subprotocols it offers, as gRPC would have it."""
    lowered = [(name.lower(), value) for name, value in headers]
    brought = [(name, _plain(value)) for name, value in lowered if name in _HEADERS]
    aside = [(name, _plain(value)) for name, value in lowered if name in _ASIDE]
    return (*(brought or _from_subprotocols(offered)), *aside)


def has_credentials(metadata: Metadata) -> bool:
    """Whether somebody has said who they are."""
    return any(name in _HEADERS for name, _ in metadata)


def with_token(metadata: Metadata, token: str | None) -> Metadata:
    """The same with a token that came later, if one did."""
    return metadata if token is None else (*metadata, ("authorization", f"Bearer {token}"))


def offered_by(headers: Iterable[tuple[str, str]]) -> Sequence[str]:
    """The subprotocols that an upgrade request offers."""
    values = [value for name, value in headers if name.lower() == "sec-websocket-protocol"]
    return [each.strip() for value in values for each in value.split(",") if each.strip()]


def chosen(offered: Sequence[str]) -> Subprotocol | None:
    """The subprotocol that is spoken; None: this client asked for none that is known."""
    return SUBPROTOCOL if SUBPROTOCOL in offered else None


def peer_name(address: Any) -> str:
    """The other end of a connection, as gRPC writes it."""
    if not isinstance(address, tuple) or len(address) < 2:  # noqa: PLR2004 - host and port
        return "unknown:"
    host, port = address[:2]
    return f"ipv6:%5B{host}%5D:{port}" if ":" in host else f"ipv4:{host}:{port}"


def certificate_names(certificate: Any) -> Sequence[str]:
    """The subject alternative names of a client certificate, as `ssl` has them."""
    found = (certificate or {}).get("subjectAltName", ())
    return [name for kind, name in found if kind in ("DNS", "URI", "IP Address")]


def is_welcome(origin: str, allowed: Sequence[str]) -> bool:
    """Whether a page of this origin may connect; none are allowed: those of this machine."""
    if allowed:
        return origin in allowed
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and is_loopback(parts.hostname or "")


def _from_subprotocols(offered: Sequence[str]) -> Iterable[tuple[str, str]]:
    for subprotocol in offered:
        for prefix, name in _PREFIXES.items():
            if subprotocol.startswith(prefix):
                value = subprotocol.removeprefix(prefix)
                yield (name, f"Bearer {value}" if name == "authorization" else _decoded(value))


def _decoded(value: str) -> str:
    """What was percent-encoded; "" for what was not, which is nobody's name."""
    if _BROKEN.search(value):
        return ""
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeDecodeError:
        return ""


def _plain(value: str) -> str:
    """A header as gRPC would carry it: ASCII; "" for what it would not."""
    return value if value.isascii() and value.isprintable() else ""
