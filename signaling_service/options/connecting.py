"""Where a node is found, and how it stops."""

from typing import Annotated, Final

import typer

CONNECTING: Final = "Connecting"
BROWSERS: Final = "Browsers"
STOPPING: Final = "Stopping"

Listen = Annotated[
    str,
    typer.Option(
        envvar="SIGNALING_LISTEN",
        metavar="HOST:PORT",
        help="Where to listen. Port 0: any; the log event [b]serving[/b] has the address.",
        rich_help_panel=CONNECTING,
    ),
]

Workers = Annotated[
    int,
    typer.Option(
        envvar="SIGNALING_WORKERS",
        metavar="N",
        help="How many processes listen on that port: one for each core. They need a "
        "[b]--backend[/b] that they share.",
        rich_help_panel=CONNECTING,
    ),
]

DrainDeadline = Annotated[
    float,
    typer.Option(
        envvar="SIGNALING_DRAIN_DEADLINE",
        metavar="SECONDS",
        help="How long devices have to leave after SIGTERM.",
        rich_help_panel=STOPPING,
    ),
]

Reflection = Annotated[
    bool | None,
    typer.Option(
        envvar="SIGNALING_REFLECTION",
        help="Let clients ask for the protocol's description. On with dev credentials, else off.",
        rich_help_panel=CONNECTING,
    ),
]

WebsocketListen = Annotated[
    str | None,
    typer.Option(
        envvar="SIGNALING_WEBSOCKET_LISTEN",
        metavar="HOST:PORT",
        help="A second address, for browsers: WebSocket. TLS as at [b]--listen[/b]. Needs the "
        "extra [b]websocket[/b].",
        rich_help_panel=BROWSERS,
    ),
]

WebsocketOrigin = Annotated[
    list[str] | None,
    typer.Option(
        envvar="SIGNALING_WEBSOCKET_ORIGIN",
        metavar="ORIGIN",
        help="Whose pages may connect there, such as [b]https://example.org[/b]; repeat it for "
        "more. Without: pages on loopback alone.",
        rich_help_panel=BROWSERS,
    ),
]
