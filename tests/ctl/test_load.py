"""Many calls at once."""

from signaling_service.app import App
from tests.transport.node import running

from .terminal import typed, typing

QUICK = ("--pairs", "3", "--rate", "10", "--seconds", "1", "--talk", "0.1")


async def test_calls_that_go_well(service: App) -> None:
    """All are set up and ended, and the table says how fast."""
    said = await typed(service.address, "load", *QUICK)

    rows = {line.split("  ")[0].strip(): line.split() for line in said.out.splitlines()}
    assert said.code == 0, said.out
    assert rows["failed"] == ["failed", "0"]
    assert rows["calls"][1] == rows["completed"][1]
    assert {"calls/s", "set-up p50", "set-up p99", "connected p50", "connected p99"} <= rows.keys()
    assert max(map(len, said.out.splitlines())) <= 80
    assert said.err == ""


async def test_the_record(service: App) -> None:
    """With --json the figures are one object."""
    (record,) = (await typed(service.address, "load", "--json", *QUICK)).records

    assert record["calls"] + record["skipped"] == 10
    assert record["completed"] == record["calls"]
    assert record["failures"] == {}
    assert 0 < record["setUpP50Seconds"] <= record["setUpP99Seconds"]


async def test_calls_that_are_refused() -> None:
    """A device that offers faster than it may: failures have a reason, and the run has failed."""
    one_offer = {
        "SIGNALING_LIMIT_OFFERS_PER_SECOND": "0.01",
        "SIGNALING_LIMIT_OFFERS_BURST": "1",
    }
    plan = ("--pairs", "1", "--rate", "10", "--seconds", "1", "--talk", "0")
    async with running(**one_offer) as node:
        said = await typed(node.address, "load", "--json", *plan)

    (record,) = said.records
    assert said.code == 1
    assert record["failures"].keys() == {"RATE_LIMITED"}
    assert record["completed"] == 1
    assert record["failed"] + record["completed"] == record["calls"]


async def test_an_interrupted_run(service: App) -> None:
    """Ctrl-C prints what there is so far."""
    plan = ("--pairs", "2", "--rate", "5", "--seconds", "600", "--talk", "0")
    async with typing(service.address, "watch", "--kind", "call_ended") as watch:
        await watch.says("watching")
        async with typing(service.address, "load", "--json", *plan) as load:
            await watch.says("call_ended", times=3)
            load.interrupt()
            said = await load.ends()

    (record,) = said.records
    assert record["calls"] >= 3
    assert record["calls"] >= record["completed"] > 0
    assert record["seconds"] < 600


async def test_nobody_serves() -> None:
    """One line for all of the devices."""
    said = await typed("127.0.0.1:1", "load", *QUICK)

    assert (said.code, said.out) == (3, "")
    assert said.err.startswith("error cannot reach 127.0.0.1:1: Connection refused; ")
    assert said.err.count("\n") == 1
