"""Two real WebRTC peers call each other, live; with `--failing` everything fails and recovers.

The ladder shows every message as its device sends or gets it, but no description
and no candidate: what is in them is nobody's business.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Final

from rich.console import Console

from examples.aiortc_media import loopback_candidates, quick_consent
from examples.failing_call import FailingCall
from examples.usual_call import UsualCall

DEADLINE: Final = 30.0  # s; for all of it, pauses included
PAUSE: Final = 0.7  # s; so that a person can read along
SERVE: Final = ("-m", "signaling_service", "serve", "--listen", "127.0.0.1:0")


@asynccontextmanager
async def serving() -> AsyncIterator[str]:
    """A service of the demonstration's own: its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *SERVE,
        env=os.environ | {"SIGNALING_METRICS_LISTEN": "off"},  # another one may have the port
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield await _address(process)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def _address(process: asyncio.subprocess.Process) -> str:
    if process.stderr is None:
        raise AssertionError("stderr is a pipe")
    async for line in process.stderr:
        entry = json.loads(line)
        if entry["event"] == "serving":
            return str(entry["address"])
    raise RuntimeError("the service does not start")


async def main(arguments: argparse.Namespace, console: Console) -> int:
    """Show the call; 1 if it does not come to its end."""
    pause = 0.0 if arguments.fast else PAUSE
    scene = FailingCall if arguments.failing else UsualCall
    service = nullcontext(arguments.address) if arguments.address else serving()
    async with service as address:
        try:
            async with asyncio.timeout(DEADLINE):
                with loopback_candidates(), quick_consent():
                    figures = await scene(address, console, pause).run()
        except TimeoutError:
            console.print(f"[bold red]no call within {DEADLINE:.0f} s[/] at {address}")
            return 1
        except ExceptionGroup as errors:  # such as: the service has turned a device away
            console.print(f"[bold red]the call broke[/]: {errors.exceptions[0]}")
            return 1
    console.print(f"\n[bold green]{figures}[/]", highlight=False)
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Two WebRTC peers call each other.")
    parser.add_argument("--address", help="a running service; without it the demo starts one")
    parser.add_argument("--failing", action="store_true", help="everything fails, and recovers")
    parser.add_argument("--fast", action="store_true", help="without pauses")
    # gRPC obeys a proxy even on this machine
    os.environ.setdefault("no_grpc_proxy", "127.0.0.1,localhost")
    sys.exit(asyncio.run(main(parser.parse_args(), Console())))
