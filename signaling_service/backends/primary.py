"""Which server takes writes now: what sentinels say, or the nodes of a cluster.

All of them are asked at the same time: one whose machine is gone says nothing for as
long as a connection may take, and often it was the primary's machine too.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar, cast

from redis.asyncio import Redis
from redis.asyncio.sentinel import MasterNotFoundError
from redis.exceptions import AskError, MovedError, RedisError

from signaling_service.backends.url import Address

T = TypeVar("T")
Connect = Callable[[Address], Redis]


async def named_by_sentinels(
    sentinels: Sequence[Address], connect: Connect, service: str
) -> Address:
    """The primary of a service.

    Raises:
        redis.exceptions.RedisError: no sentinel is there, or knows one that is up.
    """

    async def ask(client: Redis, _sentinel: Address) -> tuple[int, Address]:
        state = cast("dict[str, Any]", await client.sentinel_master(service))
        if not state["is_master"] or state["is_sdown"] or state["is_odown"]:
            raise MasterNotFoundError("the primary is down")
        return state["config-epoch"], Address(state["ip"], state["port"])

    # more than half agreed to the last fail-over, so one of as many has heard of it
    answers = await _answers(sentinels, connect, ask, enough=len(sentinels) // 2 + 1)
    _epoch, primary = max(answers)
    return primary


async def owner_in_cluster(nodes: Sequence[Address], connect: Connect, key: str) -> Address:
    """The primary that holds the slot of `key`.

    Raises:
        redis.exceptions.RedisError: no node is there, or knows who does.
    """

    async def ask(client: Redis, node: Address) -> Address:
        try:
            await client.exists(key)
        except MovedError as moved:
            # a host that is left out is the one that was asked
            return Address(moved.host or node.host, moved.port)
        except AskError:
            return node  # the slot is about to leave, and still is here
        return node

    return (await _answers(nodes, connect, ask, enough=1))[0]


async def _answers(
    servers: Sequence[Address],
    connect: Connect,
    ask: Callable[[Redis, Address], Coroutine[Any, Any, T]],
    enough: int,
) -> list[T]:
    """The first answers, `enough` of them if so many answer at all.

    Raises:
        redis.exceptions.RedisError: nobody answered; this is the last to fail.
    """
    clients = [connect(server) for server in servers]
    asked = [asyncio.create_task(ask(*each)) for each in zip(clients, servers, strict=True)]
    try:
        return await _first(asked, enough)
    finally:
        for task in asked:
            task.cancel()
        # a client that is cancelled while it closes would leave its connection open
        await asyncio.shield(_close(clients, asked))


async def _first(asked: Sequence[asyncio.Task[T]], enough: int) -> list[T]:
    answers: list[T] = []
    for answer in asyncio.as_completed(asked):
        try:
            answers.append(await answer)
        except RedisError as error:
            last = error
        if len(answers) == enough:
            break
    if not answers:
        raise last
    return answers


async def _close(clients: Sequence[Redis], asked: Sequence[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*asked, return_exceptions=True)
    await asyncio.gather(*(client.aclose() for client in clients), return_exceptions=True)
