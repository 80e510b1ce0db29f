"""Who comes in, and TLS."""

from pathlib import Path
from typing import Annotated, Final

import typer

CREDENTIALS: Final = "Credentials and TLS"

Auth = Annotated[
    str | None,
    typer.Option(
        envvar="SIGNALING_AUTH",
        metavar="dev|jwt",
        help="Who a device is. [b]dev[/b], the default on loopback and possible only there: "
        "whoever it says in the request metadata [b]user-id[/b] and [b]device-id[/b]. [b]jwt[/b], "
        "the default elsewhere: whom its bearer token names.",
        rich_help_panel=CREDENTIALS,
    ),
]

JwtKeys = Annotated[
    str | None,
    typer.Option(
        envvar="SIGNALING_JWT_KEYS",
        metavar="FILE|URL",
        help="The issuer's public keys: a PEM or JWKS file, read again when it changes, or the "
        "URL of a JWKS. EdDSA, ES256, RS256.",
        rich_help_panel=CREDENTIALS,
    ),
]

JwtIssuer = Annotated[
    str | None,
    typer.Option(
        envvar="SIGNALING_JWT_ISSUER",
        metavar="TEXT",
        help="What [b]iss[/b] of a token has to be.",
        rich_help_panel=CREDENTIALS,
    ),
]

JwtAudience = Annotated[
    str | None,
    typer.Option(
        envvar="SIGNALING_JWT_AUDIENCE",
        metavar="TEXT",
        help="What [b]aud[/b] of a token has to name.",
        rich_help_panel=CREDENTIALS,
    ),
]

TlsCert = Annotated[
    Path | None,
    typer.Option(
        envvar="SIGNALING_TLS_CERT",
        metavar="FILE",
        help="The certificate and its chain, PEM; read again when it changes.",
        rich_help_panel=CREDENTIALS,
    ),
]

TlsKey = Annotated[
    Path | None,
    typer.Option(
        envvar="SIGNALING_TLS_KEY",
        metavar="FILE",
        help="Its private key, PEM.",
        rich_help_panel=CREDENTIALS,
    ),
]

TlsClientCa = Annotated[
    Path | None,
    typer.Option(
        envvar="SIGNALING_TLS_CLIENT_CA",
        metavar="FILE",
        help="Who signs the certificates of services, PEM. Every client has to show one then: at "
        "[b]--service-listen[/b] alone if that is given.",
        rich_help_panel=CREDENTIALS,
    ),
]

TlsServiceName = Annotated[
    list[str] | None,
    typer.Option(
        envvar="SIGNALING_TLS_SERVICE_NAME",
        metavar="NAME",
        help="A subject alternative name (DNS or URI) that is a service; repeat it for more. "
        "Without: every name that the CA has signed.",
        rich_help_panel=CREDENTIALS,
    ),
]

ServiceListen = Annotated[
    str | None,
    typer.Option(
        envvar="SIGNALING_SERVICE_LISTEN",
        metavar="HOST:PORT",
        help="A second address, for clients with a certificate.",
        rich_help_panel=CREDENTIALS,
    ),
]

Plaintext = Annotated[
    bool,
    typer.Option(
        "--plaintext",
        envvar="SIGNALING_PLAINTEXT",
        help="No TLS although the address is not loopback: a proxy ends it.",
        rich_help_panel=CREDENTIALS,
    ),
]

TrustedProxies = Annotated[
    list[str] | None,
    typer.Option(
        envvar="SIGNALING_TRUSTED_PROXIES",
        metavar="NETWORK",
        help="A proxy's address or network: its [b]x-forwarded-for[/b] tells where a client "
        "comes from; repeat it for more.",
        rich_help_panel=CREDENTIALS,
    ),
]
