"""One of the processes of `serve --workers`: a node, with a line to its supervisor.

Standard input is a socket whose other end the supervisor alone holds. It brings the
options as one line of JSON, then the words `drain` and `hurry`; that it closes means the
supervisor is dead, and to drain as well. Back go lines of JSON: `{"serving": address}` or
`{"refused": [what is wrong, …]}`.
"""

import asyncio
import json
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import structlog
from pydantic import ValidationError

from signaling_service.app import serve
from signaling_service.config import SettingError, Settings, explain
from signaling_service.process import (
    Stop,
    event_loop,
    let_threads_finish,
    log_to_stderr,
    look_less_often_for_garbage,
)

MAX_LINE: Final = 1 << 20  # bytes; options are what fits into a command line


def main() -> None:
    """Run worker `argv[1]`; exits 2 if a setting is wrong."""
    log_to_stderr()
    number = int(sys.argv[1])
    structlog.contextvars.bind_contextvars(worker=number)
    with event_loop() as runner:
        refused = runner.run(_work(number))
    sys.exit(2 if refused else 0)


async def _work(number: int) -> list[str]:
    """Serve until told to stop; returns what is wrong with the settings."""
    supervisor = socket.socket(fileno=sys.stdin.fileno())
    lines, replies = await asyncio.open_unix_connection(sock=supervisor, limit=MAX_LINE)

    def reply(**message: Any) -> None:
        replies.write(json.dumps(message).encode() + b"\n")

    stop = Stop()
    options = await lines.readline()
    listening = asyncio.create_task(_listen(lines, stop))
    refused = await _serve(json.loads(options), number, stop, reply) if options else []
    listening.cancel()
    if refused:
        reply(refused=refused)
    replies.close()
    with suppress(ConnectionError):  # nobody is there to hear it
        await replies.wait_closed()
    return refused


async def _serve(
    options: dict[str, Any], number: int, stop: Stop, reply: Callable[..., None]
) -> list[str]:
    look_less_often_for_garbage()
    let_threads_finish()
    try:
        settings = Settings(**options)
    except ValidationError as error:
        return explain(error.errors())
    log_to_stderr(settings.log_level)
    try:
        await serve(settings, stop, worker=number, on_serving=lambda at: reply(serving=at))
    except SettingError as error:
        return [str(error)]
    return []


async def _listen(lines: asyncio.StreamReader, stop: Stop) -> None:
    """Do as the supervisor says, and drain when it is gone."""
    with suppress(ConnectionError):  # it died before it had read what we said
        async for word in lines:
            if word == b"hurry\n":
                stop.hurry.set()
            stop.drain.set()
    stop.drain.set()


if __name__ == "__main__":
    main()
