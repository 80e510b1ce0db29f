"""The history of calls in PostgreSQL, from events alone: a record of each call, and missed calls.

The cursor is stored in the transaction that stores what happened, so that a process that is
killed at any moment misses nothing and writes nothing twice.
"""

import asyncio
import sys
from contextlib import aclosing
from typing import Final

import grpc
import psycopg
from google.protobuf.timestamp_pb2 import Timestamp
from signaling.v1 import calls_pb2 as pb
from signaling.v1 import signaling_pb2 as signaling

from examples.event_stream import CHANNEL_OPTIONS, CursorLostError, Identity, watch

KINDS: Final = (pb.EVENT_KIND_CALL_ENDED,)  # it has all that a record needs
SERVICE: Final = (("role", "service"),)  # development credentials; else a token of a service
LOCK: Final = 0x6361_6C6C  # "call"; a second process waits until the first is gone
# nobody answered, and the called user does not know of it by themselves
MISSED: Final = (
    signaling.END_REASON_NO_ANSWER,
    signaling.END_REASON_CANCELLED,
    signaling.END_REASON_UNAVAILABLE,
    signaling.END_REASON_BUSY,
    signaling.END_REASON_PEER_GONE,
)

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS calls (
    call_id text PRIMARY KEY,
    caller_user_id text NOT NULL,
    caller_device_id text NOT NULL,
    callee_user_id text NOT NULL,
    callee_device_id text,
    reason text NOT NULL,
    created_at timestamptz NOT NULL,
    answered_at timestamptz,
    connected_at timestamptz,
    ended_at timestamptz NOT NULL,
    ring_seconds double precision NOT NULL,
    talk_seconds double precision,
    barred boolean NOT NULL
);
CREATE TABLE IF NOT EXISTS missed_calls (
    call_id text PRIMARY KEY REFERENCES calls,
    user_id text NOT NULL,
    caller_user_id text NOT NULL,
    missed_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS missed_calls_of_a_user ON missed_calls (user_id, missed_at DESC);
CREATE TABLE IF NOT EXISTS consumers (
    name text PRIMARY KEY,
    cursor text,
    lost jsonb NOT NULL DEFAULT '[]'
);
INSERT INTO consumers (name) VALUES ('call history') ON CONFLICT DO NOTHING;
"""
STORE: Final = """
INSERT INTO calls VALUES (
    %(call)s, %(caller)s, %(caller_device)s, %(callee)s, %(callee_device)s, %(reason)s,
    %(created)s, %(answered)s, %(connected)s, %(ended)s, %(rang)s, %(talked)s, %(barred)s
) ON CONFLICT (call_id) DO NOTHING
"""
MISS: Final = """
INSERT INTO missed_calls VALUES (%(call)s, %(callee)s, %(caller)s, %(ended)s)
ON CONFLICT (call_id) DO NOTHING
"""
MOVE: Final = "UPDATE consumers SET cursor = %s WHERE name = 'call history'"
LOSE: Final = """
UPDATE consumers SET cursor = NULL,
    lost = lost || jsonb_build_array(jsonb_build_object('behind', cursor, 'at', now()))
WHERE name = 'call history'
"""


class CallHistory:
    """Writes what it hears over `channel` into a `database`, a connection that is its own."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        database: psycopg.AsyncConnection,
        identity: Identity = SERVICE,
    ) -> None:
        self._channel = channel
        self._database = database
        self._identity = identity

    async def run(self) -> None:
        """Do it for ever.

        Raises:
            psycopg.OperationalError: the database is away: start again, nothing is lost.
        """
        await self._database.set_autocommit(True)
        # held as long as the connection: two that follow the log would undo each other's cursor
        await self._database.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        async with self._database.transaction():
            await self._database.execute(SCHEMA)
        while True:
            found = await self._database.execute("SELECT cursor FROM consumers")
            (cursor,) = await found.fetchone() or (None,)
            try:
                await self._follow(cursor)
            except CursorLostError:
                # go on from now, and keep in mind where calls are missing
                await self._database.execute(LOSE)

    async def _follow(self, cursor: str | None) -> None:
        async with aclosing(watch(self._channel, self._identity, cursor, KINDS)) as events:
            async for event in events:
                async with self._database.transaction():
                    if event.HasField("call_ended"):
                        await self._store(event)
                    await self._database.execute(MOVE, (event.cursor,))

    async def _store(self, event: pb.SignalingEvent) -> None:
        """Write a call that is over; again does no harm."""
        call = event.call_ended
        is_answered = call.HasField("answer_time")
        row = {
            "call": call.call_id,
            "caller": call.caller.user_id,
            "caller_device": call.caller.device_id,
            "callee": call.callee_user_id,
            "callee_device": call.callee.device_id if call.HasField("callee") else None,
            "reason": signaling.EndReason.Name(call.reason).removeprefix("END_REASON_"),
            "created": _when(call.create_time),
            "answered": _when(call.answer_time) if is_answered else None,
            "connected": _when(call.connect_time) if call.HasField("connect_time") else None,
            "ended": _when(event.time),
            "rang": call.ring_duration.ToNanoseconds() / 1e9,
            "talked": call.talk_duration.ToNanoseconds() / 1e9 if is_answered else None,
            "barred": call.barred,
        }
        await self._database.execute(STORE, row)
        # of a call that was not let through the called user must not learn
        if call.reason in MISSED and not is_answered and not call.barred:
            await self._database.execute(MISS, row)


def _when(time: Timestamp) -> str:
    return time.ToJsonString()


async def main(database: str, address: str = "127.0.0.1:50051") -> None:
    """Write into a database, `postgresql://…`, until stopped."""
    async with (
        grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as channel,
        await psycopg.AsyncConnection.connect(database) as connection,
    ):
        await CallHistory(channel, connection).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
