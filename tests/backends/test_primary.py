"""Whom the URL of a backend leads to: real engines, and servers that say what a test wants."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import quote

import pytest
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, ClusterDownError, ResponseError
from redis.exceptions import ConnectionError as NoConnectionError
from redis.exceptions import TimeoutError as NoReplyError

from signaling_service.backends.location import Location
from tests.devices import PATIENCE
from tests.valkey import Cluster, Sentinels, Valkey, tls_in_front_of

KEY = "{signaling}:key"
PASSWORD = "p@ss/word"  # noqa: S105 - nobody's


@asynccontextmanager
async def found(url: str) -> AsyncIterator[Redis]:
    """A client of whoever the URL leads to now."""
    # a busy machine may take its time; how long a node waits is not what this is about
    patient = {"socket_connect_timeout": PATIENCE, "socket_timeout": PATIENCE}
    async with await Location.parse(url).find(**patient) as client:
        yield client


async def address(url: str) -> str:
    """Where that is."""
    async with found(url) as client:
        settings = client.connection_pool.connection_kwargs
        return f"{settings['host']}:{settings['port']}"


# one server


async def test_nothing_is_said_before_the_first_command(valkey: Valkey) -> None:
    """A client of one server asks it nothing, and does not introduce itself."""
    async with found(valkey.url) as client:
        assert int((await client.client_info())["tot-cmds"]) == 0


async def test_keys_and_values_are_bytes(valkey: Valkey) -> None:
    async with found(f"{valkey.url}/3") as client:
        await client.set(KEY, b"\xff")

        assert await client.get(KEY) == b"\xff"
        assert (await client.client_info())["db"] == 3
        await client.delete(KEY)


async def test_a_server_that_is_away() -> None:
    """It is looked for with the first command, which says so."""
    async with Valkey() as valkey:
        valkey.kill()
        async with found(valkey.url) as client:
            with pytest.raises(NoConnectionError):
                await client.ping()


async def test_a_server_that_hangs() -> None:
    """A reply is waited for as long as was said."""
    async with (
        Valkey() as valkey,
        await Location.parse(valkey.url).find(socket_timeout=0.05) as client,
    ):
        await client.ping()
        valkey.stop()
        with pytest.raises(NoReplyError):
            await client.ping()


async def test_nothing_is_tried_twice() -> None:
    """A command whose connection breaks may have been done: it is not sent again."""
    async with answering(b"") as (port, requests), found(f"redis://127.0.0.1:{port}") as client:
        with pytest.raises(NoConnectionError):
            await client.incr(KEY)

    assert len(requests) == 1


@pytest.mark.parametrize("user", ["", "alice"])
async def test_credentials(user: str) -> None:
    """Who has a name and a password gets in, and nobody else."""
    async with Valkey(username=user or None, password=PASSWORD) as valkey:
        right = f"redis://{user}:{quote(PASSWORD, safe='')}@{valkey.address}"
        async with found(right) as client:
            assert await client.ping()
        for wrong in (f"redis://{user}:other@{valkey.address}", f"redis://{valkey.address}"):
            async with found(wrong) as client:
                with pytest.raises(AuthenticationError):
                    await client.ping()


async def test_tls(valkey: Valkey) -> None:
    """A server is believed whose certificate is of its name and of roots that are trusted."""
    async with tls_in_front_of(valkey) as (url, ca):
        async with found(f"{url}?ca={ca}") as client:
            assert await client.ping()
        for wrong in (url, f"{url}?ca={ca}".replace("127.0.0.1", "localhost")):
            async with found(wrong) as client:
                with pytest.raises(NoConnectionError, match="certificate verify failed"):
                    await client.ping()


# sentinels


async def test_sentinels_name_the_primary() -> None:
    """Whoever is the primary is found, after a fail-over too."""
    async with Sentinels() as guarded:
        first = guarded.primary
        assert await address(guarded.url) == first.address

        await guarded.fail_over()
        assert await address(guarded.url) == guarded.primary.address != first.address
        async with found(guarded.url) as client:
            await client.set(KEY, b"value")


async def test_some_sentinels_are_enough() -> None:
    """One that hangs, and one that is away, keep nobody from the primary."""
    async with Sentinels() as guarded:
        guarded.sentinels[0].stop()
        assert await address(guarded.url) == guarded.primary.address

        guarded.sentinels[1].kill()
        assert await address(guarded.url) == guarded.primary.address

        guarded.sentinels[0].kill()
        guarded.sentinels[2].kill()
        with pytest.raises(NoConnectionError):
            await address(guarded.url)


async def test_sentinels_have_credentials_of_their_own() -> None:
    """The primary's password is not told to sentinels, nor theirs to the primary."""
    async with Sentinels(password=PASSWORD) as guarded:
        right = f"{guarded.url}?sentinel_password={quote(PASSWORD)}"
        async with found(right) as client:
            assert await client.ping()
        with pytest.raises(AuthenticationError):
            await address(f"{guarded.url}?sentinel_password=other")
        with pytest.raises(ResponseError, match="No such master"):
            await address(right.replace("/signaling", "/other"))


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ([(1, 7001, "master"), (2, 7002, "master")], 7002),
        ([(2, 7002, "master"), (1, 7001, "master")], 7002),
        ([(1, 7001, "master"), (1, 7001, "master"), None], 7001),
        ([(1, 7001, "master"), None, None], 7001),
        ([(2, 7002, "s_down,master"), (1, 7001, "master")], 7001),
    ],
)
async def test_the_last_fail_over_counts(
    said: Sequence[tuple[int, int, str] | None], named: int
) -> None:
    """Of those who know a primary that is up, whoever has heard of the last fail-over is right."""
    async with AsyncExitStack() as stack:
        hosts = []
        for each in said:
            port, _ = await stack.enter_async_context(answering(_state(*each) if each else b""))
            hosts.append(f"127.0.0.1:{port}")

        assert await address(f"redis+sentinel://{','.join(hosts)}/main") == f"10.0.0.1:{named}"


async def test_a_primary_that_is_down_is_not_named() -> None:
    async with answering(_state(1, 7001, "o_down,s_down,master")) as (port, _):
        with pytest.raises(NoConnectionError, match="the primary is down"):
            await address(f"redis+sentinel://127.0.0.1:{port}/main")


# a cluster


async def test_a_cluster_has_an_owner_of_the_cell() -> None:
    """Any node knows the owner of a cell's slot, which may move."""
    async with Cluster() as cluster:
        owner = await cluster.owner(KEY)
        for node in cluster.nodes:
            assert await address(f"redis+cluster://{node.address}") == owner.address
        async with found(cluster.url) as client:
            await client.set(KEY, b"value")

        other, third = (node for node in cluster.nodes if node is not owner)
        await cluster.move(KEY, other)
        async with found(f"redis+cluster://{owner.address},{third.address}") as client:
            assert await client.get(KEY) == b"value"

        third.stop()
        owner.kill()
        assert await address(cluster.url) == other.address


async def test_cells_are_spread_over_a_cluster() -> None:
    """Each cell has its own owner; all of its keys lie there."""
    async with Cluster() as cluster:
        for cell in ("a", "b", "c"):
            async with found(f"{cluster.url}?cell={cell}") as client:
                await client.mset({f"{{{cell}}}:one": b"1", f"{{{cell}}}:two": b"2"})
            assert await address(f"{cluster.url}?cell={cell}") == (
                (await cluster.owner(f"{{{cell}}}:")).address
            )


@pytest.mark.parametrize(
    ("said", "host"),
    [
        (b":0\r\n", "127.0.0.1:{port}"),
        (b"-MOVED 5 10.0.0.1:7001\r\n", "10.0.0.1:7001"),
        (b"-MOVED 5 :7001\r\n", "127.0.0.1:7001"),
        (b"-ASK 5 10.0.0.1:7001\r\n", "127.0.0.1:{port}"),
    ],
)
async def test_what_nodes_say(said: bytes, host: str) -> None:
    """Whoever does not send one on has the slot, even one about to give it away."""
    async with answering(said) as (port, _):
        assert await address(f"redis+cluster://127.0.0.1:{port}") == host.format(port=port)


async def test_a_node_that_has_lost_the_others_is_not_believed() -> None:
    async with (
        answering(b"-CLUSTERDOWN The cluster is down\r\n") as (lost, _),
        answering(b"-MOVED 5 10.0.0.1:7001\r\n") as (port, _),
    ):
        url = f"redis+cluster://127.0.0.1:{lost}"
        assert await address(f"{url},127.0.0.1:{port}") == "10.0.0.1:7001"
        with pytest.raises(ClusterDownError):
            await address(url)


# servers that say what a test wants


@asynccontextmanager
async def answering(reply: bytes) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Yields a port where every request gets a reply, or the end if it is empty; the requests."""
    requests = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.read(4096):
            requests.append(request)
            if not reply:
                break
            writer.write(reply)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], requests


def _state(epoch: int, port: int, flags: str) -> bytes:
    """What a sentinel says of a primary."""
    fields = ["name", "main", "ip", "10.0.0.1", "port", str(port), "flags", flags]
    fields += ["config-epoch", str(epoch)]
    bulk = "".join(f"${len(field)}\r\n{field}\r\n" for field in fields)
    return f"*{len(fields)}\r\n{bulk}".encode()
