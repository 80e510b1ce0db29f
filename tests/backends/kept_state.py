"""What a version has stored, kept in a file: later versions have to go on with it.

`python -m tests.backends.kept_state NAME` writes what this version stores to
`states/NAME.json`: to be done once for each version that stores something new.
"""

import asyncio
import json
import sys
from itertools import chain
from pathlib import Path
from typing import Any, Final

from signaling_service.core.model import Event
from tests.backends.cell import connect, drop, sweep
from tests.backends.test_redis import RedisCell
from tests.core.events import (
    answer_from,
    app_message_from,
    candidates_from,
    connected,
    offer_from,
    ringing_from,
)
from tests.core.names import ALICE, ALICES_PHONE, MALLORY, PHONE, TABLET, line
from tests.valkey import Valkey

STATES: Final = Path(__file__).parent / "states"
CELL: Final = "kept"
RINGING, TALKING, RANG_OUT = "ringing", "talking", "rang-out"
RING_TIMEOUT: Final = 180.0  # s; it rings on while the rest is played
LASTS: Final = 121.0  # s

# by type: how a key is read, and how it is written
_COMMANDS: Final = {
    "string": (("GET",), "SET"),
    "hash": (("HGETALL",), "HSET"),
    "list": (("LRANGE", "0", "-1"), "RPUSH"),
    "set": (("SMEMBERS",), "SADD"),
    "zset": (("ZRANGE", "0", "-1", "WITHSCORES"), "ZADD"),
}


def of(event: Event, call_id: str) -> Event:
    """The same in another call."""
    event.request.call_id = call_id
    return event


async def play(cell: RedisCell) -> None:
    """Leave something of every kind behind."""
    caller, phone, tablet = [await connect(cell, each) for each in (ALICE, PHONE, TABLET)]
    other, leaver = await connect(cell, ALICES_PHONE), await connect(cell, MALLORY)
    await leaver.send(offer_from(MALLORY, to="carol", call_id=RANG_OUT))
    await drop(leaver)
    await cell.advance(LASTS)
    await sweep(cell)  # its session is over, and it has not heard that its call is
    await other.send(offer_from(ALICES_PHONE, call_id=TALKING))
    await phone.send(of(answer_from(PHONE), TALKING))
    await phone.send(of(connected(PHONE), TALKING))
    await other.send(of(app_message_from(ALICES_PHONE, b"hello"), TALKING))
    ringing = offer_from(ALICE, call_id=RINGING, ring_timeout=RING_TIMEOUT, metadata={"n": "A"})
    await caller.send(ringing)
    await caller.send(of(candidates_from(ALICE, line()), RINGING))
    await tablet.send(of(ringing_from(TABLET), RINGING))


async def kept(valkey: Valkey, prefix: str) -> dict[str, Any]:
    """Every key with its type and what is in it."""
    state = {}
    for key in sorted(await valkey.run("KEYS", f"{prefix}*")):
        kind = (await valkey.run("TYPE", key)).decode()
        command, *rest = _COMMANDS[kind][0]
        found = await valkey.run(command, key, *rest)
        if isinstance(found, dict):
            found = chain.from_iterable(found.items())
        values = [found] if isinstance(found, bytes) else found
        state[key.decode()] = [kind, [value.decode("latin-1") for value in values]]
    return state


async def restore(valkey: Valkey, name: str) -> None:
    """Put back what a version has stored."""
    state = json.loads((STATES / f"{name}.json").read_text())
    for key, (kind, values) in state.items():
        raw = [value.encode("latin-1") for value in values]
        if kind == "zset":  # the score comes first there
            raw = [each for pair in zip(raw[1::2], raw[::2], strict=True) for each in pair]
        await valkey.run(_COMMANDS[kind][1], key, *raw)


async def main(name: str) -> None:
    """Write the file."""
    async with Valkey() as valkey:
        cell = RedisCell(f"{valkey.url}?cell={CELL}", valkey)
        await cell.backend.start(lambda _is_there: None)
        await play(cell)
        state = await kept(valkey, f"{{{CELL}}}:")
        await cell.backend.close()
    (STATES / f"{name}.json").write_text(json.dumps(state, indent=1) + "\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
