"""Which tasks there are, by what they do: none may be left behind a stream."""

import asyncio
from collections import Counter

from tests.devices import PATIENCE

ACCEPT = "AioServer._request_call"  # the task that waits for the next RPC
WEB = "Edge._serve"  # the task of a WebSocket
RPC = ("_handle_exceptions", "_schedule_rpc_coro")  # the tasks of an RPC, as grpc.aio calls them


async def at_rest(streams: int) -> None:
    """Wait until the service is busy with so many streams and nothing else."""
    me = asyncio.current_task()
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while not _is_at_rest(tasks := census(), streams):
        assert asyncio.get_running_loop().time() < deadline, tasks
        others = [task for task in asyncio.all_tasks() if task is not me]
        # the server begins a task, too, and that wakes nobody: look again before long
        await asyncio.wait(others, timeout=0.05, return_when=asyncio.FIRST_COMPLETED)


def census() -> Counter[str]:
    """How many tasks there are of each kind."""
    coroutines = (task.get_coro() for task in asyncio.all_tasks())
    return Counter(getattr(coroutine, "__qualname__", "") for coroutine in coroutines)


def _is_at_rest(tasks: Counter[str], streams: int) -> bool:
    ours = sum(count for name, count in tasks.items() if name.startswith("Stream."))
    over_web = tasks[WEB]
    return tasks[ACCEPT] == 1 and {ours, *(over_web + tasks[name] for name in RPC)} == {streams}
