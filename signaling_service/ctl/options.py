"""The options that every command has; each is a variable, too."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

CONNECTING: Final = "Connecting"


def _option(name: str, metavar: str | None, text: str) -> Any:
    variable = "SIGNALCTL_" + name.partition("/")[0].lstrip("-").replace("-", "_").upper()
    return typer.Option(
        name, envvar=variable, metavar=metavar, help=text, rich_help_panel=CONNECTING
    )


Target = Annotated[str, _option("--target", "HOST:PORT", "Where the service is.")]
TokenFile = Annotated[
    Path | None,
    _option(
        "--token-file",
        "FILE",
        "What has a bearer token. Where a command is many devices, {user} and {device} in the "
        "name stand for each.",
    ),
]
Tls = Annotated[
    bool | None,
    _option("--tls/--plaintext", None, "Unless one is said: TLS, but none on loopback."),
]
Ca = Annotated[Path | None, _option("--ca", "FILE", "Who has signed the service's certificate.")]
Cert = Annotated[Path | None, _option("--cert", "FILE", "A certificate to show, of a service.")]
Key = Annotated[Path | None, _option("--key", "FILE", "Its private key.")]
Service = Annotated[
    str,
    _option("--service", "NAME", "As which service, where one is taken at its word ([b]dev[/b])."),
]
Json = Annotated[bool, _option("--json", None, "A JSON object a line, and nothing else.")]


@dataclass(frozen=True, kw_only=True)
class Options:
    """What every command may be told."""

    target: Target = "127.0.0.1:50051"
    token_file: TokenFile = None
    tls: Tls = None
    ca: Ca = None
    cert: Cert = None
    key: Key = None
    service: Service = "signalctl"
    json: Json = False
