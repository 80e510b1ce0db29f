"""The command line: every command, by its name."""

from collections.abc import Mapping
from typing import Final

import typer

from signaling_service.ctl import calls, devices, dialing, listening, load, trace, watch
from signaling_service.ctl.command import Command, command

app = typer.Typer(
    help="See what a signaling service does, and try it out.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(
    epilog="Exit codes: 0 done · 1 what was asked failed · 2 asked wrongly · 3 the service cannot "
    "be reached or lets nobody in. Each option is also a variable: [b]SIGNALCTL_TARGET[/b] …"
)
def main() -> None:
    """See what a signaling service does, and try it out."""


COMMANDS: Final[Mapping[str, Command]] = {
    "calls": calls.calls,
    "devices": devices.devices,
    "watch": watch.watch,
    "trace": trace.trace,
    "end": calls.end,
    "kick": devices.kick,
    "call": dialing.call,
    "listen": listening.listen,
    "load": load.load,
}
for name, run in COMMANDS.items():
    app.command(name)(command(run))
