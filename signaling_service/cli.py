"""The command line."""

import asyncio
import gc
import logging
import os
import sys
from typing import Any, Final

import structlog
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from signaling_service import options

# measured: a third less CPU for each message; harmless where a name is unknown
GRPC_EXPERIMENTS: Final = (
    "-event_engine_listener,-event_engine_callback_cq,-event_engine_for_all_other_endpoints"
)
GC_THRESHOLD: Final = 50_000  # new objects between two looks at the youngest

app = typer.Typer(
    help="WebRTC call signaling over gRPC: one stream per device, nothing lost.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.callback()
def main() -> None:
    """WebRTC call signaling over gRPC: one stream per device, nothing lost."""


@app.command()
def serve(  # noqa: PLR0913 - each option of the command is a parameter
    *,
    listen: options.Listen = "127.0.0.1:50051",
    backend: options.Backend = "memory",
    auth: options.Auth = "dev",
    ring_timeout: options.RingTimeout = 60,
    resume_window: options.ResumeWindow = 120,
    turn_url: options.TurnUrl = None,
    turn_secret_file: options.TurnSecretFile = None,
    turn_ttl: options.TurnTtl = 3600,
    ice_endpoint: options.IceEndpoint = None,
    ice_endpoint_token_file: options.IceEndpointTokenFile = None,
    drain_deadline: options.DrainDeadline = 15,
    metrics_listen: options.MetricsListen = "127.0.0.1:9464",
    reflection: options.Reflection = True,
) -> None:
    """Run a node until SIGTERM.

    Limits are variables: [b]SIGNALING_LIMIT_SDP_BYTES=65536[/b] and so on; a wrong
    name is refused with the list of what there is.
    """
    chosen = dict(locals())
    os.environ.setdefault("GRPC_EXPERIMENTS", GRPC_EXPERIMENTS)  # before gRPC is imported
    _log_to_stderr()
    _run({**chosen, "turn_url": tuple(turn_url or ())})


def _run(options: dict[str, Any]) -> None:
    from signaling_service.app import serve as run  # noqa: PLC0415 - gRPC reads the environment
    from signaling_service.config import SettingError, Settings, explain  # noqa: PLC0415 - likewise

    try:
        settings = Settings(**options)
    except ValidationError as error:
        for line in explain(error.errors()):
            _complain(line)
        raise typer.Exit(2) from None
    # a stream's objects stay: looking at them again and again makes connects dearer with each
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 20)
    try:
        with _runner() as runner:
            runner.run(run(settings))
    except SettingError as error:
        _complain(str(error))
        raise typer.Exit(2) from None


def _complain(line: str) -> None:
    console = Console(stderr=True)
    console.print(f"[red]error[/red] {escape(line)}", highlight=False, soft_wrap=True)


def _runner() -> asyncio.Runner:
    """An event loop, the fastest that is installed."""
    try:
        import uvloop  # noqa: PLC0415 - not there on every platform
    except ImportError:
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


def _log_to_stderr() -> None:
    """One line an event: JSON, or something to look at on a terminal."""
    is_terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            *([] if is_terminal else [structlog.processors.format_exc_info]),
            structlog.dev.ConsoleRenderer() if is_terminal else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
