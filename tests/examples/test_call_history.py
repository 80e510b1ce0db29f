"""Calls get into a database: every one, and once, whatever happens to who writes them."""

import asyncio
import random
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import psycopg
from signaling.v1 import calls_pb2 as pb
from signaling.v1 import signaling_pb2 as signaling

from examples.call_history import CallHistory
from signaling_service.clock import SystemClock
from tests.examples.scripted_calls import scripted
from tests.valkey.waiting import until
from tests.webhook.log import WrittenLog

ROOT = Path(__file__).parents[2]
KILLS = 6
CALLS = 1500
MOST = 150  # calls between two kills
ANSWERED = 3  # every third
BARRED = 5  # every fifth of the others


def ended(number: int) -> pb.SignalingEvent:
    """A call that is over: some were answered, some the called user must not notice."""
    event = pb.SignalingEvent()
    event.time.FromSeconds(round(time.time()))
    call = event.call_ended
    call.call_id = f"call-{number}"
    call.caller.MergeFrom(signaling.Device(user_id="alice", device_id="phone"))
    call.callee_user_id = "bob"
    call.create_time.FromSeconds(event.time.seconds - 60)
    call.ring_duration.FromMilliseconds(12_500)
    call.reason = signaling.END_REASON_NO_ANSWER
    if number % ANSWERED == 0:
        call.reason = signaling.END_REASON_HANGUP
        call.callee.MergeFrom(signaling.Device(user_id="bob", device_id="tablet"))
        call.answer_time.FromSeconds(event.time.seconds - 47)
        call.connect_time.FromSeconds(event.time.seconds - 46)
        call.talk_duration.FromSeconds(47)
    elif number % BARRED == 0:
        call.barred = True
    return event


def is_missed(number: int) -> bool:
    """Whether the called user should be told."""
    return number % ANSWERED != 0 and number % BARRED != 0


async def rows(database: psycopg.AsyncConnection, query: str) -> list[Any]:
    """What is in a table; nothing as long as there is none."""
    try:
        return await (await database.execute(query)).fetchall()
    except psycopg.errors.UndefinedTable:
        return []


async def has(database: psycopg.AsyncConnection, count: int) -> None:
    """Wait until so many calls are written."""

    async def are_there() -> bool:
        return len(await rows(database, "SELECT FROM calls")) >= count

    await until(are_there)


@asynccontextmanager
async def writing(url: str, address: str) -> AsyncIterator[asyncio.Task[None]]:
    """The example runs in this process."""
    async with (
        grpc.aio.insecure_channel(address) as channel,
        await psycopg.AsyncConnection.connect(url) as connection,
    ):
        running = asyncio.create_task(CallHistory(channel, connection).run())
        yield running
        running.cancel()
        await asyncio.wait([running])


async def started(url: str, address: str) -> asyncio.subprocess.Process:
    """The example runs in a process of its own."""
    command = [sys.executable, "-m", "examples.call_history", url, address]
    return await asyncio.create_subprocess_exec(*command, cwd=ROOT)


async def begins(database: psycopg.AsyncConnection) -> None:
    """Wait until it knows from where on nothing is to be missed."""

    async def is_so() -> bool:
        found = await rows(database, "SELECT cursor FROM consumers WHERE cursor IS NOT NULL")
        return bool(found)

    await until(is_so)


async def test_a_record_and_a_missed_call(url: str, database: psycopg.AsyncConnection) -> None:
    """What was answered has its times; what was not is missed, unless it must not be noticed."""
    log = WrittenLog(SystemClock())
    async with scripted(log) as service, writing(url, service.address):
        await begins(database)
        for number in (3, 4, 5):
            log.add(ended(number))
        await has(database, 3)

        found = await rows(
            database,
            "SELECT call_id, callee_device_id, reason, ring_seconds, talk_seconds, "
            "extract(epoch FROM answered_at - created_at), barred FROM calls ORDER BY call_id",
        )
        assert found == [
            ("call-3", "tablet", "HANGUP", 12.5, 47.0, 13, False),
            ("call-4", None, "NO_ANSWER", 12.5, None, None, False),
            ("call-5", None, "NO_ANSWER", 12.5, None, None, True),
        ]
        missed = await rows(database, "SELECT call_id, user_id, caller_user_id FROM missed_calls")
        assert missed == [("call-4", "bob", "alice")]


async def test_killed_at_any_moment(url: str, database: psycopg.AsyncConnection) -> None:
    """In the middle of calls, again and again: none is missing, none is there twice."""
    chance = random.Random(7)  # noqa: S311 - the same moments in every run
    log = WrittenLog(SystemClock())
    async with scripted(log) as service:
        process = await started(url, service.address)
        await begins(database)
        for number in range(CALLS):
            log.add(ended(number))
        for _ in range(KILLS):
            written = len(await rows(database, "SELECT FROM calls"))
            await has(database, written + chance.randint(1, MOST))
            process.send_signal(signal.SIGKILL)
            await process.wait()
            process = await started(url, service.address)
        await has(database, CALLS)
        process.kill()
        await process.wait()

        assert service.watchers == KILLS + 1
    calls = [call for (call,) in await rows(database, "SELECT call_id FROM calls")]
    assert sorted(calls) == sorted(f"call-{number}" for number in range(CALLS))
    missed = [call for (call,) in await rows(database, "SELECT call_id FROM missed_calls")]
    expected = [f"call-{number}" for number in range(CALLS) if is_missed(number)]
    assert sorted(missed) == sorted(expected)


async def test_the_same_event_again(url: str, database: psycopg.AsyncConnection) -> None:
    """Changes nothing: events come at least once."""
    log = WrittenLog(SystemClock())
    async with scripted(log) as service, writing(url, service.address):
        await begins(database)
        for number in (4, 4, 3, 3, 7):
            log.add(ended(number))

        async def is_done() -> bool:
            return await rows(database, "SELECT FROM calls WHERE call_id = 'call-7'") != []

        await until(is_done)
        assert len(await rows(database, "SELECT FROM calls")) == 3
        assert len(await rows(database, "SELECT FROM missed_calls")) == 2


async def test_two_do_not_get_in_each_others_way(
    url: str, database: psycopg.AsyncConnection
) -> None:
    """The second waits, and goes on when the first is gone."""
    log = WrittenLog(SystemClock())
    async with scripted(log) as service:
        async with writing(url, service.address):
            await begins(database)
            async with writing(url, service.address):
                log.add(ended(1))
                await has(database, 1)
                assert service.watchers == 1
        log.add(ended(2))
        async with writing(url, service.address):
            await has(database, 2)
    assert service.watchers == 2


async def test_a_cursor_that_is_too_old(url: str, database: psycopg.AsyncConnection) -> None:
    """It goes on from now, and keeps in mind behind which cursor calls are missing."""
    log = WrittenLog(SystemClock())
    async with scripted(log) as service:
        async with writing(url, service.address):
            await begins(database)
            log.add(ended(1))
            await has(database, 1)
        for number in (2, 3):
            log.add(ended(number))
        log.forgets(3)
        async with writing(url, service.address):

            async def is_known() -> bool:
                found = await rows(database, "SELECT lost -> 0 ->> 'behind' FROM consumers")
                return found == [("log-1",)]

            await until(is_known)
            await begins(database)
            log.add(ended(4))
            await has(database, 2)
    assert {call for (call,) in await rows(database, "SELECT call_id FROM calls")} == {
        *("call-1", "call-4")
    }
