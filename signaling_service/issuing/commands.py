"""The commands `certs` and `token`. What they need is loaded when one of them runs."""

import stat
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from signaling_service.core.requests import is_valid_id

if TYPE_CHECKING:
    from signaling_service.issuing import kit

LOCAL: Final = Path("local")
HOSTS: Final = ("localhost", "127.0.0.1", "::1")
NAME: Final = "signaling-service"  # who issues tokens and for whom, unless one says otherwise
MAX_DAYS: Final = 3650
MAX_MINUTES: Final = 366 * 24 * 60
ID_FORM: Final = "1 to 128 printable characters without spaces, braces or * are needed"

Directory = Annotated[Path, typer.Option(metavar="DIR", help="Where the files go.")]
Hosts = Annotated[
    list[str] | None,
    typer.Option(
        "--host",
        metavar="NAME|ADDRESS",
        help="How clients name the service; repeat it for more.",
        show_default=", ".join(HOSTS),
    ),
]
ServiceName = Annotated[
    str, typer.Option("--service", metavar="NAME", help="Which backend service gets a certificate.")
]
Days = Annotated[int, typer.Option(min=1, max=MAX_DAYS, help="How long the certificates are good.")]
Force = Annotated[bool, typer.Option("--force", help="Replace files that are there.")]

User = Annotated[
    str, typer.Option(metavar="ID", help="Whose token it is, [b]sub[/b]; a service's name.")
]
Device = Annotated[
    str | None,
    typer.Option(metavar="ID", help="On which device, [b]device_id[/b]; a service has none."),
]
Role = Annotated[
    Literal["device", "service"], typer.Option(help="What it allows: to call, or to administer.")
]
Key = Annotated[
    Path, typer.Option(metavar="FILE", help="The private key: Ed25519, P-256 or RSA, in PEM.")
]
Issuer = Annotated[
    str,
    typer.Option(
        envvar="SIGNALING_JWT_ISSUER", metavar="NAME", help="[b]iss[/b], as the service wants it."
    ),
]
Audience = Annotated[
    str,
    typer.Option(
        envvar="SIGNALING_JWT_AUDIENCE", metavar="NAME", help="[b]aud[/b], as the service wants it."
    ),
]
Minutes = Annotated[
    int, typer.Option(min=1, max=MAX_MINUTES, help="How long it is good, from now.")
]


def certs(
    *,
    directory: Directory = LOCAL,
    hosts: Hosts = None,
    service: ServiceName = "push-gateway",
    days: Days = 30,
    force: Force = False,
) -> None:
    """Make certificates and a key for tokens, to try the service with.

    A new authority signs a certificate for the service, and one for a backend
    service. The authority's key is thrown away. Nobody but you can read private keys.
    """
    from signaling_service.issuing import kit  # noqa: PLC0415 - cryptography, for this alone

    wanted = kit.Wanted(tuple(hosts or HOSTS), service, days)
    try:
        files = kit.make(wanted, datetime.now(UTC))
    except ValueError as error:
        _refuse(str(error))
    if not force and (there := kit.existing(directory, files)):
        _refuse(f"{directory} has {', '.join(there)} already; --force replaces them")
    try:
        kit.write(directory, files)
    except OSError as error:
        _refuse(f"{error.filename}: {error.strerror}")
    _show(directory, files)
    typer.echo(f"\nThe service with them:\n\n{kit.serve_command(directory, service, NAME)}\n")


def token(  # noqa: PLR0913 - each option of the command is a parameter
    *,
    user: User,
    device: Device = None,
    role: Role = "device",
    key: Key = LOCAL / "token-key.pem",
    issuer: Issuer = NAME,
    audience: Audience = NAME,
    minutes: Minutes = 60,
) -> None:
    """Sign a token, to try the service with. It alone goes to stdout."""
    from signaling_service.issuing import keys, tokens  # noqa: PLC0415 - for this alone

    _check_bearer(user, device, role)
    try:
        signing = keys.read_key(key.read_bytes())
    except FileNotFoundError:
        _refuse(f"--key: there is no {key}; `signaling-service certs` makes one")
    except OSError as error:
        _refuse(f"--key: {key}: {error.strerror}")
    except keys.UnusableKeyError as error:
        _refuse(f"--key: {key}: {error}")
    terms = tokens.Terms(issuer, audience, minutes * 60)
    typer.echo(tokens.token(signing, tokens.Bearer(user, device, role), terms, time.time()))
    whose = user if device is None else f"{user}/{device}"
    until = datetime.fromtimestamp(time.time() + minutes * 60, UTC)
    note = f"{role} {whose}, {signing.algorithm}, key {signing.kid}, until {until:%F %T} UTC"
    Console(stderr=True).print(f"[dim]{escape(note)}[/dim]", highlight=False, soft_wrap=True)


def _check_bearer(user: str, device: str | None, role: str) -> None:
    if not is_valid_id(user):
        _refuse(f"--user: {ID_FORM}")
    if role == "device" and not is_valid_id(device or ""):
        _refuse(f"--device: {ID_FORM}")
    if role == "service" and device is not None:
        _refuse("--device: a service has none")


def _show(directory: Path, files: Sequence["kit.File"]) -> None:
    """Show the files, and who may read them."""
    table = Table(title=f"in {escape(str(directory))}/", title_justify="left")
    for heading in ("file", "", "mode"):
        table.add_column(heading)
    for file in files:
        mode = (directory / file.name).stat().st_mode
        table.add_row(file.name, escape(file.what), stat.filemode(mode))
    Console().print(table, highlight=False)


def _refuse(complaint: str) -> NoReturn:
    console = Console(stderr=True)
    console.print(f"[red]error[/red] {escape(complaint)}", highlight=False, soft_wrap=True)
    raise typer.Exit(2)
