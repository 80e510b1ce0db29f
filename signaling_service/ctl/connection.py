"""How to get to the service, and who one is there."""

import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import grpc
from signaling.v1.calls_pb2_grpc import CallServiceStub

from signaling_service.client import Client, Credentials, bearer, identity
from signaling_service.ctl.complaints import USAGE, Complaint
from signaling_service.ctl.options import Options

if TYPE_CHECKING:
    from signaling.v1.calls_pb2_grpc import CallServiceAsyncStub

RPC_TIMEOUT: Final = 10.0  # s; a person waits
KEEPALIVE: Final = (
    ("grpc.keepalive_time_ms", 15_000),  # who watches finds out that the network is gone
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.use_local_subchannel_pool", 1),  # to watch again is a new connection, to any node
)
AGENT: Final = "signalctl"


@dataclass(frozen=True)
class Connection:
    """Where the service is, and how one shows who one is.

    Attributes:
        target: `host:port`.
        tls: None for none.
        token_file: what has the bearer token; None for none.
        service: the name to go by where there is neither token nor certificate.
        has_certificate: whether `tls` shows one.
    """

    target: str
    tls: grpc.ChannelCredentials | None
    token_file: Path | None
    service: str
    has_certificate: bool

    @asynccontextmanager
    async def calls(self) -> AsyncIterator["CallServiceAsyncStub"]:
        """The `CallService`, on a connection of its own."""
        async with self._channel() as channel:
            yield CallServiceStub(channel)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What to send along with an RPC of a service.

        Raises:
            Complaint: there is no token in the file.
        """
        if self.token_file is not None:
            return (("authorization", f"Bearer {_token(self.token_file)}"),)
        if self.has_certificate:
            return ()
        return (("role", "service"), ("user-id", self.service))

    def device(self, user_id: str, device_id: str) -> Client:
        """A test device: with a token whose the token says, else the one it says it is.

        Raises:
            Complaint: there is no token in the file.
        """
        who = self._identity(user_id, device_id)
        if self.tls is None:
            return Client(self.target, who, agent=AGENT)
        return Client(self.target, who, agent=AGENT, tls=self.tls)

    def _identity(self, user_id: str, device_id: str) -> Credentials:
        if self.token_file is None:
            return identity(user_id, device_id)
        name = str(self.token_file).replace("{user}", user_id).replace("{device}", device_id)
        _token(Path(name))  # what is wrong with it is said at once
        return bearer(lambda: Path(name).read_text(encoding="utf-8"))

    def _channel(self) -> grpc.aio.Channel:
        if self.tls is None:
            return grpc.aio.insecure_channel(self.target, KEEPALIVE)
        return grpc.aio.secure_channel(self.target, self.tls, KEEPALIVE)


def connection(wanted: Options) -> Connection:
    """How to connect, from what was said and what goes without saying.

    Raises:
        Complaint: it does not go together, or a file cannot be read.
    """
    if (wanted.cert is None) != (wanted.key is None):
        raise Complaint(USAGE, "--cert and --key go together")
    if not (wanted.service.isascii() and wanted.service.isprintable() and wanted.service):
        raise Complaint(USAGE, "--service: plain letters, please")
    has_files = bool(wanted.ca or wanted.cert)
    has_tls = has_files or not _is_here(wanted.target) if wanted.tls is None else wanted.tls
    if has_files and not has_tls:
        raise Complaint(USAGE, "--plaintext: --ca and --cert are for TLS")
    return Connection(
        wanted.target,
        _tls(wanted) if has_tls else None,
        wanted.token_file,
        wanted.service,
        wanted.cert is not None,
    )


def whose(given: str, option: str) -> tuple[str, str]:
    """The user and the device of `user/device`.

    Raises:
        Complaint: it is none, or cannot be said in a header.
    """
    user_id, _, device_id = given.rpartition("/")
    if not (user_id and device_id):
        raise Complaint(USAGE, f"{option}: USER/DEVICE is needed, such as alice/phone")
    if not (given.isascii() and given.isprintable() and " " not in given):
        raise Complaint(USAGE, f"{option}: plain letters without spaces, please")
    return user_id, device_id


def _is_here(target: str) -> bool:
    """Whether it is this machine, and nobody can listen in."""
    host = target.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or target.startswith("unix:")


def _tls(wanted: Options) -> grpc.ChannelCredentials:
    ca, key, cert = (
        None if path is None else _content(path) for path in (wanted.ca, wanted.key, wanted.cert)
    )
    return grpc.ssl_channel_credentials(ca, key, cert)


def _token(path: Path) -> str:
    token = _content(path).decode(errors="replace").strip()
    if not (token.isascii() and token.isprintable() and token):
        raise Complaint(USAGE, f"--token-file: there is no token in {path}")
    return token


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Complaint(USAGE, f"{path}: {error.strerror}") from error
