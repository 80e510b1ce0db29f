"""What one needs to try the service with tokens and TLS: the files, and how they are written."""

import os
import shlex
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from signaling_service.issuing.certificates import Authority
from signaling_service.issuing.keys import new_key

DIRECTORY_MODE: Final = 0o700
PRIVATE_MODE: Final = 0o600
PUBLIC_MODE: Final = 0o644
SERVICE_LISTEN: Final = "127.0.0.1:50052"


class File(NamedTuple):
    """A file of the kit."""

    name: str
    what: str
    content: bytes
    mode: int = PUBLIC_MODE


class Wanted(NamedTuple):
    """What the kit is for: hosts of the service, a backend service, and for so many days."""

    hosts: Sequence[str]
    service: str
    days: float


def make(wanted: Wanted, now: datetime) -> list[File]:
    """New certificates and keys. Nothing is written.

    Raises:
        ValueError: a host or the service has no proper name.
    """
    authority = Authority(now, wanted.days)
    server = authority.certify_hosts(wanted.hosts)
    service = authority.certify_service(wanted.service)
    token_key = new_key()
    return [
        File("ca.pem", "clients trust whom it has signed", authority.certificate),
        File("server.pem", f"certificate of {', '.join(wanted.hosts)}", server.certificate),
        File("server-key.pem", "its key", server.key, PRIVATE_MODE),
        File("service.pem", f"certificate of {wanted.service}", service.certificate),
        File("service-key.pem", "its key", service.key, PRIVATE_MODE),
        File("token-key.pem", "signs tokens", token_key.private_pem(), PRIVATE_MODE),
        File("token-keys.json", "verifies tokens (JWKS)", token_key.jwks.encode()),
        File("token-key-public.pem", "the same in PEM", token_key.public_pem()),
    ]


def existing(directory: Path, files: Iterable[File]) -> list[str]:
    """The names of those files that are there already."""
    paths = [directory / file.name for file in files]
    return [path.name for path in paths if path.exists() or path.is_symlink()]


def write(directory: Path, files: Iterable[File]) -> None:
    """Write the files, in place of those that are there; a new directory is its owner's alone.

    Raises:
        OSError: that is not possible.
    """
    directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    for file in files:
        path = directory / file.name
        path.unlink(missing_ok=True)  # its mode, and whatever it links to, is not ours
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, file.mode)
        with os.fdopen(handle, "wb") as opened:
            opened.write(file.content)


def serve_command(directory: Path, service: str, issuer: str) -> str:
    """How the service is started with the kit, for a shell; its tokens are for their issuer."""
    name = shlex.quote(issuer)
    certificate, its_key = _quoted(directory, "server.pem"), _quoted(directory, "server-key.pem")
    lines = (
        "signaling-service serve --auth jwt",
        f"--jwt-keys {_quoted(directory, 'token-keys.json')}",
        f"--jwt-issuer {name} --jwt-audience {name}",
        f"--tls-cert {certificate} --tls-key {its_key}",
        f"--tls-client-ca {_quoted(directory, 'ca.pem')}",
        f"--service-listen {SERVICE_LISTEN} --tls-service-name {shlex.quote(service)}",
    )
    return " \\\n  ".join(lines)


def _quoted(directory: Path, name: str) -> str:
    return shlex.quote(str(directory / name))
