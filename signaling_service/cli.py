"""The command line."""

import asyncio
import gc
import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import structlog
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

# measured: a third less CPU for each message; harmless where a name is unknown
GRPC_EXPERIMENTS: Final = (
    "-event_engine_listener,-event_engine_callback_cq,-event_engine_for_all_other_endpoints"
)
GC_THRESHOLD: Final = 50_000  # new objects between two looks at the youngest
CONNECTING: Final = "Connecting"
CALLS: Final = "Calls"
TURN: Final = "STUN and TURN"
STOPPING: Final = "Stopping"
WATCHING: Final = "Watching"

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
    listen: Annotated[
        str,
        typer.Option(
            envvar="SIGNALING_LISTEN",
            metavar="HOST:PORT",
            help="Where to listen. Port 0: any; the log event [b]serving[/b] has the address.",
            rich_help_panel=CONNECTING,
        ),
    ] = "127.0.0.1:50051",
    backend: Annotated[
        str,
        typer.Option(
            envvar="SIGNALING_BACKEND",
            metavar="memory",
            help="Where calls and mailboxes live. [b]memory[/b]: in this process.",
            rich_help_panel=CALLS,
        ),
    ] = "memory",
    auth: Annotated[
        str,
        typer.Option(
            envvar="SIGNALING_AUTH",
            metavar="dev",
            help="Who a device is. [b]dev[/b]: whoever it says in the request metadata "
            "[b]user-id[/b] and [b]device-id[/b]; on loopback alone.",
            rich_help_panel=CONNECTING,
        ),
    ] = "dev",
    ring_timeout: Annotated[
        float,
        typer.Option(
            envvar="SIGNALING_RING_TIMEOUT",
            metavar="SECONDS",
            help="How long a call rings, unless its offer says.",
            rich_help_panel=CALLS,
        ),
    ] = 60,
    resume_window: Annotated[
        float,
        typer.Option(
            envvar="SIGNALING_RESUME_WINDOW",
            metavar="SECONDS",
            help="How long a device may be away and resume its session.",
            rich_help_panel=CALLS,
        ),
    ] = 120,
    turn_url: Annotated[
        list[str] | None,
        typer.Option(
            envvar="SIGNALING_TURN_URL",
            metavar="URL",
            help="A STUN or TURN server for devices; repeat it for more.",
            rich_help_panel=TURN,
        ),
    ] = None,
    turn_secret_file: Annotated[
        Path | None,
        typer.Option(
            envvar="SIGNALING_TURN_SECRET_FILE",
            metavar="FILE",
            help="The secret shared with the TURN servers; read again when it changes.",
            rich_help_panel=TURN,
        ),
    ] = None,
    turn_ttl: Annotated[
        float,
        typer.Option(
            envvar="SIGNALING_TURN_TTL",
            metavar="SECONDS",
            help="How long a TURN credential works.",
            rich_help_panel=TURN,
        ),
    ] = 3600,
    ice_endpoint: Annotated[
        str | None,
        typer.Option(
            envvar="SIGNALING_ICE_ENDPOINT",
            metavar="URL",
            help="Instead: where to ask for servers and credentials, with GET; it answers with a "
            "JSON list of RTCIceServer, as vendors of TURN do.",
            rich_help_panel=TURN,
        ),
    ] = None,
    ice_endpoint_token_file: Annotated[
        Path | None,
        typer.Option(
            envvar="SIGNALING_ICE_ENDPOINT_TOKEN_FILE",
            metavar="FILE",
            help="The bearer token for it.",
            rich_help_panel=TURN,
        ),
    ] = None,
    drain_deadline: Annotated[
        float,
        typer.Option(
            envvar="SIGNALING_DRAIN_DEADLINE",
            metavar="SECONDS",
            help="How long devices have to leave after SIGTERM.",
            rich_help_panel=STOPPING,
        ),
    ] = 15,
    metrics_listen: Annotated[
        str,
        typer.Option(
            envvar="SIGNALING_METRICS_LISTEN",
            metavar="HOST:PORT",
            help="Where Prometheus finds [b]/metrics[/b]. Port 0: any; [b]off[/b]: nowhere.",
            rich_help_panel=WATCHING,
        ),
    ] = "127.0.0.1:9464",
    reflection: Annotated[
        bool,
        typer.Option(
            envvar="SIGNALING_REFLECTION",
            help="Let clients ask for the protocol's description.",
            rich_help_panel=CONNECTING,
        ),
    ] = True,
) -> None:
    """Run a node until SIGTERM.

    Limits are variables: [b]SIGNALING_LIMIT_SDP_BYTES=65536[/b] and so on; a wrong
    name is refused with the list of what there is.
    """
    options = dict(locals())
    os.environ.setdefault("GRPC_EXPERIMENTS", GRPC_EXPERIMENTS)  # before gRPC is imported
    _log_to_stderr()
    _run({**options, "turn_url": tuple(turn_url or ())})


def _run(options: dict[str, Any]) -> None:
    from signaling_service.app import serve as run  # noqa: PLC0415 - gRPC reads the environment
    from signaling_service.config import SettingError, Settings, explain  # noqa: PLC0415 - likewise

    try:
        settings = Settings(**options)
    except ValidationError as error:
        for line in explain(error.errors()):
            _complain(line)
        raise typer.Exit(2) from None
    # measured: connects cost a third less, and no more with many streams than with few
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
