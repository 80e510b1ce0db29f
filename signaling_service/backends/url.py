"""A backend's URL, taken apart. No error repeats what may be a part of a password."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Self
from urllib.parse import unquote

MAX_PORT: Final = 65535
SECRETS: Final = frozenset({"sentinel_username", "sentinel_password"})  # of the parameters

_URL: Final = re.compile(
    r"(?P<scheme>[a-z+]+)://(?P<server>[^/?]*)/?(?P<path>[^?]*)(?:\?(?P<query>.*))?"
)
_HOST: Final = re.compile(r"(?P<host>\[[^\[\]\s]+\]|[^\[\]:\s]+)(?::(?P<port>.*))?")


class Address(NamedTuple):
    """A host's name or address, and a port."""

    host: str
    port: int


class Login(NamedTuple):
    """Who one is; None for a server that does not ask."""

    username: str | None
    password: str | None


NOBODY: Final = Login(None, None)


@dataclass(frozen=True, slots=True)
class Url:
    """`scheme://user:password@host:port,host:port/path?name=value&…`, decoded.

    `safe` is the text without what nobody else may know.
    """

    safe: str
    scheme: str
    hosts: tuple[str, ...]
    path: str
    login: Login = field(repr=False)
    parameters: Mapping[str, str] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Take it apart.

        Raises:
            ValueError: it is not such a text; one sentence says why.
        """
        match = _URL.fullmatch(text)
        if match is None:
            raise ValueError("a URL such as redis://host:6379 is needed")
        if "@" in match["path"] or "@" in (match["query"] or ""):
            raise ValueError("a password has / as %2F and ? as %3F, a parameter has @ as %40")
        pairs = [pair.partition("=") for pair in (match["query"] or "").split("&") if pair]
        credentials, at, hosts = match["server"].rpartition("@")
        return cls(
            safe=_safe(match, hosts, pairs),
            scheme=match["scheme"],
            hosts=tuple(hosts.split(",")),
            path=unquote(match["path"]),
            login=_login(credentials) if at else NOBODY,
            parameters=_parameters(pairs),
        )

    def addresses(self, default_port: int) -> tuple[Address, ...]:
        """The hosts, each with its port.

        Raises:
            ValueError: one is not a host and a port.
        """
        return tuple(_address(host, default_port) for host in self.hosts)


def _safe(match: re.Match[str], hosts: str, pairs: list[tuple[str, str, str]]) -> str:
    path = f"/{match['path']}" if match["path"] else ""
    query = "&".join("".join(pair) for pair in pairs if pair[0] not in SECRETS)
    return f"{match['scheme']}://{hosts}{path}" + (f"?{query}" if query else "")


def _login(credentials: str) -> Login:
    username, _, password = credentials.partition(":")
    if not password:
        raise ValueError("a password is missing: user:password@ or :password@")
    return Login(unquote(username) or None, unquote(password))


def _parameters(pairs: list[tuple[str, str, str]]) -> dict[str, str]:
    parameters = {name: unquote(value) for name, _, value in pairs}
    if not all(parameters.values()):
        raise ValueError("a parameter has the form name=value")
    if len(parameters) < len(pairs):
        raise ValueError("a parameter is there twice")
    return parameters


def _address(text: str, default_port: int) -> Address:
    match = _HOST.fullmatch(text)
    if match is None:
        raise ValueError("a host is missing, or is not a name, an IPv4 address or [an IPv6 one]")
    port = str(default_port) if match["port"] is None else match["port"]
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= MAX_PORT:
        raise ValueError(f"a port is a number from 1 to {MAX_PORT}")
    return Address(match["host"].strip("[]"), int(port))
