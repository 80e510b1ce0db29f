"""The command line."""

from collections.abc import Sequence
from typing import Any, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from signaling_service import checking, options, process
from signaling_service.config import SettingError, Settings, explain
from signaling_service.issuing import commands as issuing

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
    listen: options.Listen = "127.0.0.1:50051",
    workers: options.Workers = 1,
    backend: options.Backend = "memory",
    auth: options.Auth = None,
    jwt_keys: options.JwtKeys = None,
    jwt_issuer: options.JwtIssuer = None,
    jwt_audience: options.JwtAudience = None,
    tls_cert: options.TlsCert = None,
    tls_key: options.TlsKey = None,
    tls_client_ca: options.TlsClientCa = None,
    tls_service_name: options.TlsServiceName = None,
    service_listen: options.ServiceListen = None,
    plaintext: options.Plaintext = False,
    trusted_proxies: options.TrustedProxies = None,
    call_policy: options.CallPolicy = None,
    ring_timeout: options.RingTimeout = 60,
    resume_window: options.ResumeWindow = 120,
    turn_url: options.TurnUrl = None,
    turn_secret_file: options.TurnSecretFile = None,
    turn_ttl: options.TurnTtl = 3600,
    ice_endpoint: options.IceEndpoint = None,
    ice_endpoint_token_file: options.IceEndpointTokenFile = None,
    drain_deadline: options.DrainDeadline = 15,
    metrics_listen: options.MetricsListen = "127.0.0.1:9464",
    otlp_endpoint: options.OtlpEndpoint = None,
    trace_sample: options.TraceSample = 0.01,
    log_level: options.LogLevel = "info",
    reflection: options.Reflection = None,
    webhook_url: options.WebhookUrl = None,
    webhook_secret_file: options.WebhookSecretFile = None,
    webhook_kind: options.WebhookKind = None,
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
