"""The engines that other tests rely on do what is said of them."""

import asyncio
import subprocess
import sys

import psutil
import pytest
from redis.exceptions import AuthenticationError, ReadOnlyError
from redis.exceptions import ConnectionError as NoConnectionError

from tests.valkey import Cluster, Replicated, Sentinels, Valkey
from tests.valkey.ports import free_port
from tests.valkey.waiting import until

PASSWORD = "pass"  # noqa: S105 - nobody's


async def test_what_is_written_to_a_file_survives_a_kill() -> None:
    """The server comes back on its port, and answers once it has read its data."""
    async with Valkey(append_only=True) as valkey:
        port, pid = valkey.port, valkey.pid
        await valkey.run("SET", "key", "value")
        valkey.kill()
        with pytest.raises(NoConnectionError):
            await valkey.info("server")

        await valkey.start()

        assert await valkey.run("GET", "key") == b"value"
        assert valkey.port == port
        assert valkey.pid != pid


async def test_a_server_without_a_file_comes_back_empty() -> None:
    async with Valkey() as valkey:
        await valkey.run("SET", "key", "value")
        valkey.kill()
        await valkey.start()

        assert await valkey.run("DBSIZE") == 0


async def test_a_server_that_was_stopped_goes_on() -> None:
    """It keeps its connections; what was sent meanwhile is answered."""
    async with Valkey() as valkey, valkey.client() as client:
        await client.set("key", b"value")
        valkey.stop()
        pipeline = client.pipeline()
        pipeline.get("key")
        valkey.cont()

        assert await pipeline.execute() == [b"value"]


@pytest.mark.parametrize("username", [None, "alice"])
async def test_a_server_with_a_password(username: str | None) -> None:
    """Its own client has it; nobody gets in without."""
    async with Valkey(username=username, password=PASSWORD) as valkey:
        assert await valkey.run("PING")
        valkey.password = None
        with pytest.raises(AuthenticationError):
            await valkey.run("PING")


async def test_a_port_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server whose port somebody else took meanwhile gets another."""
    async with Valkey() as taken:
        ports = iter([taken.port, free_port()])
        monkeypatch.setattr("tests.valkey.server.free_port", ports.__next__)
        async with Valkey() as valkey:
            assert await valkey.run("PING")
            assert valkey.port != taken.port


async def test_a_configuration_that_is_wrong() -> None:
    """A server that does not start says why."""
    with pytest.raises(RuntimeError, match="Bad directive"):
        async with Valkey(config=["no-such-directive yes"]):
            pass


@pytest.mark.parametrize("last", ["", "os.kill(os.getpid(), signal.SIGKILL)"])
async def test_a_server_ends_with_its_process(last: str) -> None:
    """Whoever forgets it, or is killed, leaves no process behind."""
    program = (
        "import asyncio, os, signal\n"
        "from tests.valkey import Valkey\n"
        "valkey = Valkey()\n"
        "asyncio.run(valkey.start())\n"
        "print(valkey.pid, flush=True)\n"
    )
    forgetful = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program + last), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    output, _ = await forgetful.communicate()

    await until(lambda: has_ended(int(output)))


async def has_ended(pid: int) -> bool:
    """Whether there is no such process, or nothing of it but its entry."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_a_replica_follows() -> None:
    """It takes no writes, and whoever waits for it knows that it has them."""
    async with Replicated() as pair:
        async with pair.primary.client() as client:
            await client.set("key", b"value")
            assert await client.wait(1, 1000) == 1
        assert await pair.replica.run("GET", "key") == b"value"
        with pytest.raises(ReadOnlyError):
            await pair.replica.run("SET", "key", "value")


async def test_a_primary_hands_over() -> None:
    """The old primary runs on, with the data, and takes no more writes."""
    async with Sentinels() as guarded:
        before, after = guarded.primary, guarded.replicas[0]
        await before.run("SET", "key", "value")

        await guarded.hand_over()

        assert (guarded.primary, guarded.replicas) == (after, [before])
        assert await after.run("GET", "key") == b"value"
        assert await after.run("SET", "key", "another")
        with pytest.raises(ReadOnlyError):
            await before.run("SET", "key", "value")


async def test_a_primary_that_was_lost_comes_back_as_a_replica() -> None:
    async with Sentinels() as guarded:
        before = guarded.primary
        await guarded.fail_over()
        await before.start()
        await guarded.in_step()

        assert guarded.replicas == [before]


async def test_a_slot_moves_with_its_keys() -> None:
    async with Cluster() as cluster:
        before = await cluster.owner("key")
        after = next(node for node in cluster.nodes if node is not before)
        await before.run("SET", "key", "value")

        await cluster.move("key", after)

        assert await after.run("GET", "key") == b"value"
