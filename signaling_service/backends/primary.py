"""Which server takes writes now: what sentinels say, or the nodes of a cluster.

All of them are asked at the same time: one whose machine is gone says nothing for as
long as a connection may take, and often it was the primary's machine too.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
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
    asking = [_named_by(connect(sentinel), service) for sentinel in sentinels]
    # one alone may have missed the last fail-over, to which more than half agreed
    answers = await _answers(asking, enough=len(sentinels) // 2 + 1)
    _epoch, address = max(answers)
    return address


async def owner_in_cluster(nodes: Sequence[Address], connect: Connect, key: str) -> Address:
    """The primary that holds the slot of `key`.

    Raises:
        redis.exceptions.RedisError: no node is there, or knows who does.
    """
    asking = [_owner_by(connect(node), node, key) for node in nodes]
    return (await _answers(asking, enough=1))[0]


async def _named_by(sentinel: Redis, service: str) -> tuple[int, Address]:
    """The primary as one sentinel sees it, after the number of the fail-over that chose it."""
    async with sentinel:
        state = cast("dict[str, Any]", await sentinel.sentinel_master(service))
    if not state["is_master"] or state["is_sdown"] or state["is_odown"]:
        raise MasterNotFoundError("the primary is down")
    return state["config-epoch"], Address(state["ip"], state["port"])


async def _owner_by(node: Redis, address: Address, key: str) -> Address:
    """The owner as one node sees it. A node that has lost the others does not say."""
    async with node:
        try:
            await node.exists(key)
        except MovedError as moved:
            # a host that does not know its name leaves it out: it is the one that was asked
            return Address(moved.host or address.host, moved.port)
        except AskError:
            return address  # the slot is about to leave, and still is here
    return address


async def _answers(asking: Iterable[Coroutine[Any, Any, T]], enough: int) -> list[T]:
    """The first answers, `enough` of them if so many answer at all.

    Raises:
        redis.exceptions.RedisError: nobody answered; this is the last to fail.
    """
    tasks = [asyncio.create_task(each) for each in asking]
    answers: list[T] = []
    try:
        for outcome in asyncio.as_completed(tasks):
            error = await _collect(outcome, answers)
            if len(answers) == enough:
                break
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if not answers and error is not None:
        raise error
    return answers


async def _collect(outcome: Awaitable[T], answers: list[T]) -> RedisError | None:
    try:
        answers.append(await outcome)
    except RedisError as error:
        return error
    return None
