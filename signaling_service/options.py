"""The options of `signaling-service serve`, as its help shows them."""

from pathlib import Path
from typing import Annotated, Final

import typer

CONNECTING: Final = "Connecting"
CREDENTIALS: Final = "Credentials and TLS"
CALLS: Final = "Calls"
TURN: Final = "STUN and TURN"
STOPPING: Final = "Stopping"
WATCHING: Final = "Watching"
TELLING: Final = "Telling other services"

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

DrainDeadline = Annotated[
    float,
    typer.Option(
        envvar="SIGNALING_DRAIN_DEADLINE",
        metavar="SECONDS",
        help="How long devices have to leave after SIGTERM.",
        rich_help_panel=STOPPING,
    ),
]

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

Reflection = Annotated[
    bool | None,
    typer.Option(
        envvar="SIGNALING_REFLECTION",
        help="Let clients ask for the protocol's description. On with dev credentials, else off.",
        rich_help_panel=CONNECTING,
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
