"""Calls, and the STUN and TURN servers they need."""

from pathlib import Path
from typing import Annotated, Final

import typer

CALLS: Final = "Calls"
TURN: Final = "STUN and TURN"

Backend = Annotated[
    str,
    typer.Option(
        envvar="SIGNALING_BACKEND",
        metavar="memory|URL",
        help="Where calls and mailboxes live. [b]memory[/b]: in this process. "
        "[b]redis://HOST[/b]: in a Valkey or Redis that any number of nodes share; also "
        "rediss://, redis+sentinel:// and redis+cluster://.",
        rich_help_panel=CALLS,
    ),
]

CallPolicy = Annotated[
    str | None,
    typer.Option(
        envvar="SIGNALING_CALL_POLICY",
        metavar="URL|NAME",
        help="Who may call whom. [b]grpc://HOST:PORT[/b] on this machine, or "
        "[b]grpcs://HOST:PORT[/b]: a CallPolicyService that is asked; a name: the entry point of "
        "an installed package. Without it everybody may call everybody.",
        rich_help_panel=CALLS,
    ),
]

RingTimeout = Annotated[
    float,
    typer.Option(
        envvar="SIGNALING_RING_TIMEOUT",
        metavar="SECONDS",
        help="How long a call rings, unless its offer says.",
        rich_help_panel=CALLS,
    ),
]

ResumeWindow = Annotated[
    float,
    typer.Option(
        envvar="SIGNALING_RESUME_WINDOW",
        metavar="SECONDS",
        help="How long a device may be away and resume its session.",
        rich_help_panel=CALLS,
    ),
]

TurnUrl = Annotated[
    list[str] | None,
    typer.Option(
        envvar="SIGNALING_TURN_URL",
        metavar="URL",
        help="A STUN or TURN server for devices; repeat it for more.",
        rich_help_panel=TURN,
    ),
]

TurnSecretFile = Annotated[
    Path | None,
    typer.Option(
        envvar="SIGNALING_TURN_SECRET_FILE",
        metavar="FILE",
        help="The secret shared with the TURN servers; read again when it changes.",
        rich_help_panel=TURN,
    ),
]

TurnTtl = Annotated[
    float,
    typer.Option(
        envvar="SIGNALING_TURN_TTL",
        metavar="SECONDS",
        help="How long a TURN credential works.",
        rich_help_panel=TURN,
    ),
]

IceEndpoint = Annotated[
    str | None,
    typer.Option(
        envvar="SIGNALING_ICE_ENDPOINT",
        metavar="URL",
        help="Instead: where to ask for servers and credentials, with GET; it answers with a "
        "JSON list of RTCIceServer, as vendors of TURN do.",
        rich_help_panel=TURN,
    ),
]

IceEndpointTokenFile = Annotated[
    Path | None,
    typer.Option(
        envvar="SIGNALING_ICE_ENDPOINT_TOKEN_FILE",
        metavar="FILE",
        help="The bearer token for it.",
        rich_help_panel=TURN,
    ),
]
