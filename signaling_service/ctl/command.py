"""What makes a command of a coroutine function: the options that all have, and how it ends."""

import asyncio
import inspect
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from dataclasses import fields
from typing import Any, NamedTuple

import grpc
import typer

from signaling_service.client import ClientError
from signaling_service.ctl.complaints import FAILED, INTERRUPTED, Complaint, of_client, of_rpc
from signaling_service.ctl.connection import Connection, connection
from signaling_service.ctl.options import Options
from signaling_service.ctl.screen import Screen


class Terminal(NamedTuple):
    """What a command works with."""

    screen: Screen
    connection: Connection


Command = Callable[..., Coroutine[Any, Any, int]]


def command(run: Command) -> Callable[..., None]:
    """A command for typer: `run` gets a `Terminal` and its own options, and returns an exit code.

    Whatever goes wrong is one line on stderr. SIGINT and SIGTERM cancel `run`, which may
    come to an orderly end.
    """
    own = list(inspect.signature(run).parameters.values())[1:]
    common = inspect.signature(Options).parameters.values()
    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*own, *common)]

    def start(**given: Any) -> None:
        options = Options(**{field.name: given.pop(field.name) for field in fields(Options)})
        raise typer.Exit(_run(run, options, given))

    start.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # any function may have one
    start.__annotations__ = {each.name: each.annotation for each in parameters}
    start.__doc__ = run.__doc__
    return start


def _run(run: Command, options: Options, given: dict[str, Any]) -> int:
    screen = Screen(is_json=options.json)
    try:
        terminal = Terminal(screen, connection(options))
        return asyncio.run(_carry(run(terminal, **given), terminal.connection))
    except Complaint as complaint:
        screen.complain(str(complaint))
        return complaint.code
    except BrokenPipeError:  # who read along has enough; the interpreter still wants to flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


async def _carry(running: Coroutine[Any, Any, int], to: Connection) -> int:
    """Carry a command to its end, which a signal may bring; errors become a `Complaint`."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(running)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return INTERRUPTED
    except grpc.aio.AioRpcError as error:
        raise of_rpc(error, to.target) from error
    except ClientError as error:
        raise of_client(error) from error
