"""The command line."""

from collections.abc import Sequence
from typing import Any, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from signaling_service import checking, process
from signaling_service.config import SettingError, Settings, explain
from signaling_service.issuing import commands as issuing
from signaling_service.options import calls, connecting, credentials, watching

app = typer.Typer(
    help="WebRTC call signaling over gRPC: one stream per device, nothing lost.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,  # a key, a token
)


@app.callback()
def main() -> None:
    """WebRTC call signaling over gRPC: one stream per device, nothing lost."""


@app.command()
def serve(  # noqa: PLR0913 - each option of the command is a parameter
    *,
    listen: connecting.Listen = "127.0.0.1:50051",
    workers: connecting.Workers = 1,
    backend: calls.Backend = "memory",
    auth: credentials.Auth = None,
    jwt_keys: credentials.JwtKeys = None,
    jwt_issuer: credentials.JwtIssuer = None,
    jwt_audience: credentials.JwtAudience = None,
    tls_cert: credentials.TlsCert = None,
    tls_key: credentials.TlsKey = None,
    tls_client_ca: credentials.TlsClientCa = None,
    tls_service_name: credentials.TlsServiceName = None,
    service_listen: credentials.ServiceListen = None,
    plaintext: credentials.Plaintext = False,
    websocket_listen: connecting.WebsocketListen = None,
    websocket_origin: connecting.WebsocketOrigin = None,
    trusted_proxies: credentials.TrustedProxies = None,
    call_policy: calls.CallPolicy = None,
    ring_timeout: calls.RingTimeout = 60,
    resume_window: calls.ResumeWindow = 120,
    turn_url: calls.TurnUrl = None,
    turn_secret_file: calls.TurnSecretFile = None,
    turn_ttl: calls.TurnTtl = 3600,
    ice_endpoint: calls.IceEndpoint = None,
    ice_endpoint_token_file: calls.IceEndpointTokenFile = None,
    drain_deadline: connecting.DrainDeadline = 15,
    metrics_listen: watching.MetricsListen = "127.0.0.1:9464",
    otlp_endpoint: watching.OtlpEndpoint = None,
    trace_sample: watching.TraceSample = 0.01,
    log_level: watching.LogLevel = "info",
    reflection: connecting.Reflection = None,
    webhook_url: watching.WebhookUrl = None,
    webhook_secret_file: watching.WebhookSecretFile = None,
    webhook_kind: watching.WebhookKind = None,
) -> None:
    """Run a node until SIGTERM; with [b]--workers[/b] several, as one service.

    Limits are variables: [b]SIGNALING_LIMIT_SDP_BYTES=65536[/b] and so on; a wrong
    name is refused with the list of what there is.
    """
    chosen = dict(locals())
    process.choose_experiments()
    process.log_to_stderr(log_level)
    _run(chosen)


app.command()(checking.health)
app.command()(issuing.certs)
app.command()(issuing.token)


def _run(options: dict[str, Any]) -> None:
    try:
        settings = Settings(**options)
    except ValidationError as error:
        _refuse(2, explain(error.errors()))
    try:
        if settings.workers > 1:
            _supervise(settings, options)
        else:
            _serve(settings)
    except SettingError as error:
        _refuse(2, [str(error)])


def _serve(settings: Settings) -> None:
    from signaling_service.app import serve as run  # noqa: PLC0415 - gRPC reads the environment

    process.look_less_often_for_garbage()
    process.let_threads_finish()
    with process.event_loop() as runner:
        runner.run(run(settings))


def _supervise(settings: Settings, options: dict[str, Any]) -> None:
    from signaling_service.workers.supervisor import supervise  # noqa: PLC0415 - few need it

    ending = supervise(settings, options)
    if ending.code:
        _refuse(ending.code, ending.complaints)


def _refuse(code: int, complaints: Sequence[str]) -> NoReturn:
    console = Console(stderr=True)
    for line in complaints:
        console.print(f"[red]error[/red] {escape(line)}", highlight=False, soft_wrap=True)
    raise typer.Exit(code)
