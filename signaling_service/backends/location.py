"""Where a cell's keys live: what the URL of a backend means."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Final, Self

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from signaling_service.backends.primary import named_by_sentinels, owner_in_cluster
from signaling_service.backends.url import Address, Login, Url

DEFAULT_CELL: Final = "signaling"
CONNECT_TIMEOUT: Final = 0.5  # s; a request has little more than one second
SOCKET_TIMEOUT: Final = 2.0  # s
MAX_CONNECTIONS: Final = 8  # of a client

_CELL: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Form(Enum):
    """Who is behind the hosts of a URL."""

    PLAIN = "redis"
    SENTINEL = "redis+sentinel"
    CLUSTER = "redis+cluster"


_PORTS: Final = {Form.PLAIN: 6379, Form.SENTINEL: 26379, Form.CLUSTER: 6379}
_REPLICAS: Final = {Form.PLAIN: "0", Form.SENTINEL: "1", Form.CLUSTER: "1"}
_PARAMETERS: Final = {
    Form.PLAIN: ("cell", "replicas", "ca"),
    Form.SENTINEL: ("cell", "replicas", "ca", "sentinel_username", "sentinel_password"),
    Form.CLUSTER: ("cell", "replicas", "ca"),
}


@dataclass(frozen=True, slots=True)
class Location:
    """Where a cell's keys live, and how to get there.

    All keys begin with `{cell}:`, so that a cell is one slot of a cluster. After each
    step `replicas` are to have it. `safe` is the URL without credentials, for logs.
    """

    cell: str
    replicas: int
    safe: str
    form: Form = field(repr=False)
    hosts: tuple[Address, ...] = field(repr=False)
    is_tls: bool = field(repr=False)
    ca: str | None = field(repr=False)
    db: int = field(repr=False)
    service: str = field(repr=False)
    login: Login = field(repr=False)
    sentinel_login: Login = field(repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """What a URL means.

        Raises:
            ValueError: nothing; one sentence, without credentials, says what is wrong.
        """
        parts = Url.parse(url)
        form, is_tls = _form(parts.scheme)
        parameters = _known(parts.parameters, form)
        return cls(
            cell=_cell(parameters.get("cell", DEFAULT_CELL)),
            replicas=_number(parameters.get("replicas", _REPLICAS[form]), "replicas"),
            safe=parts.safe,
            form=form,
            hosts=_hosts(parts, form),
            is_tls=is_tls,
            ca=_roots(parameters.get("ca"), is_tls=is_tls),
            db=_number(parts.path or "0", "the database") if form is Form.PLAIN else 0,
            service=_service(parts.path, form),
            login=parts.login,
            sentinel_login=_sentinel_login(parameters),
        )

    def __str__(self) -> str:
        return self.safe

    async def find(
        self,
        *,
        socket_connect_timeout: float = CONNECT_TIMEOUT,
        socket_timeout: float = SOCKET_TIMEOUT,
    ) -> Redis:
        """A client of the primary that holds the cell's keys now; the caller closes it.

        It tries nothing twice: what was sent may have been done. For the plain form
        nothing is asked, and the client connects with its first command.

        Args:
            socket_connect_timeout: seconds to connect, and to learn who the primary is.
            socket_timeout: seconds that the client waits for a reply.

        Raises:
            redis.exceptions.RedisError: nobody says who the primary is.
        """
        ask = partial(self._client, timeouts=(socket_connect_timeout, socket_connect_timeout))
        match self.form:
            case Form.PLAIN:
                primary = self.hosts[0]
            case Form.SENTINEL:
                ask = partial(ask, login=self.sentinel_login)
                primary = await named_by_sentinels(self.hosts, ask, self.service)
            case Form.CLUSTER:
                primary = await owner_in_cluster(self.hosts, ask, f"{{{self.cell}}}:")
        return self._client(primary, timeouts=(socket_connect_timeout, socket_timeout))

    def _client(
        self, address: Address, *, timeouts: tuple[float, float], login: Login | None = None
    ) -> Redis:
        username, password = login or self.login
        return Redis(
            host=address.host,
            port=address.port,
            db=self.db,
            username=username,
            password=password,
            socket_connect_timeout=timeouts[0],
            socket_timeout=timeouts[1],
            retry=Retry(NoBackoff(), 0),
            max_connections=MAX_CONNECTIONS,
            # nothing is said before the first command but the password
            protocol=2,
            driver_info=None,
            ssl=self.is_tls,
            ssl_ca_certs=self.ca,
        )


def _form(scheme: str) -> tuple[Form, bool]:
    plain = scheme.replace("rediss", "redis", 1)
    if plain not in {form.value for form in Form}:
        schemes = ", ".join(f"{form.value}://" for form in Form)
        raise ValueError(f"the scheme is one of {schemes}, or rediss… for TLS")
    return Form(plain), plain != scheme


def _known(parameters: Mapping[str, str], form: Form) -> Mapping[str, str]:
    for name in parameters:
        if name not in _PARAMETERS[form]:
            known = ", ".join(_PARAMETERS[form])
            raise ValueError(f"{form.value}:// has no parameter {name!r}; it has {known}")
    return parameters


def _hosts(parts: Url, form: Form) -> tuple[Address, ...]:
    if form is Form.PLAIN and len(parts.hosts) > 1:
        raise ValueError("redis:// has one host; redis+sentinel:// and redis+cluster:// have more")
    return parts.addresses(_PORTS[form])


def _cell(name: str) -> str:
    if not _CELL.fullmatch(name):
        raise ValueError("a cell's name has 1 to 64 letters, digits, dots, dashes or underscores")
    return name


def _number(text: str, what: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text):
        raise ValueError(f"{what}: a number is needed")
    return int(text)


def _service(path: str, form: Form) -> str:
    if form is Form.SENTINEL and (not path or "/" in path):
        raise ValueError("the name of the service is missing: redis+sentinel://host:26379/NAME")
    if form is Form.CLUSTER and path:
        raise ValueError("redis+cluster:// has no path: a cluster has one database")
    return path


def _sentinel_login(parameters: Mapping[str, str]) -> Login:
    username, password = (parameters.get(f"sentinel_{part}") for part in Login._fields)
    if username and not password:
        raise ValueError("sentinel_username is there without sentinel_password")
    return Login(username, password)


def _roots(ca: str | None, *, is_tls: bool) -> str | None:
    """The file of `ca`, once it is known to hold certificates."""
    if ca is None:
        return None
    if not is_tls:
        raise ValueError("ca is for rediss://, where servers have certificates")
    try:
        ssl.create_default_context().load_verify_locations(ca)
    except OSError as error:
        raise ValueError(f"ca: no certificates in {ca}: {error.strerror}") from error
    return ca
