"""What an operator sees, and other services are told."""

from pathlib import Path
from typing import Annotated, Final

import typer

WATCHING: Final = "Watching"
TELLING: Final = "Telling other services"

MetricsListen = Annotated[
    str,
    typer.Option(
        envvar="SIGNALING_METRICS_LISTEN",
        metavar="HOST:PORT",
        help="Where Prometheus finds [b]/metrics[/b], and probes [b]/livez[/b] and "
        "[b]/readyz[/b]. Port 0: any; [b]off[/b]: nowhere. Each worker has its own: number 0 "
        "this one, number 3 that three above; the log event [b]worker_serving[/b] has it.",
        rich_help_panel=WATCHING,
    ),
]

OtlpEndpoint = Annotated[
    str | None,
    typer.Option(
        envvar="SIGNALING_OTLP_ENDPOINT",
        metavar="URL",
        help="Where traces go: a collector that speaks OTLP over gRPC, such as "
        "[b]http://127.0.0.1:4317[/b]. Needs the extra [b]otel[/b]. Without: no traces.",
        rich_help_panel=WATCHING,
    ),
]

TraceSample = Annotated[
    float,
    typer.Option(
        envvar="SIGNALING_TRACE_SAMPLE",
        metavar="RATIO",
        help="How many of the calls are traced, 0 to 1. What a client asks to be traced is, too.",
        rich_help_panel=WATCHING,
    ),
]

LogLevel = Annotated[
    str,
    typer.Option(
        envvar="SIGNALING_LOG_LEVEL",
        metavar="LEVEL",
        help="What is logged: [b]debug[/b], [b]info[/b], [b]warning[/b] or [b]error[/b], and "
        "what is worse.",
        rich_help_panel=WATCHING,
    ),
]

WebhookUrl = Annotated[
    str | None,
    typer.Option(
        envvar="SIGNALING_WEBHOOK_URL",
        metavar="URL",
        help="Where to POST what happens, an event each: [b]https://[/b], or [b]http://[/b] on "
        "loopback. In a cluster one node does it.",
        rich_help_panel=TELLING,
    ),
]

WebhookSecretFile = Annotated[
    Path | None,
    typer.Option(
        envvar="SIGNALING_WEBHOOK_SECRET_FILE",
        metavar="FILE",
        help="What posts are signed with, as Standard Webhooks has it: [b]whsec_[/b] and base64, "
        "or any 24 bytes and more. Two lines while it is changed; read again when it changes.",
        rich_help_panel=TELLING,
    ),
]

WebhookKind = Annotated[
    list[str] | None,
    typer.Option(
        envvar="SIGNALING_WEBHOOK_KIND",
        metavar="KIND",
        help="Only events of this kind, such as [b]call_ended[/b]; repeat it for more.",
        rich_help_panel=TELLING,
    ),
]
