"""The engines that other tests rely on do what is said of them."""

import pytest
from redis.exceptions import ConnectionError as NoConnectionError

from tests.valkey import Valkey


async def test_what_is_written_to_a_file_survives_a_kill() -> None:
    """The same server comes back with its data, on the same port, once it has read them."""
    async with Valkey(append_only=True) as valkey:
        port, pid = valkey.port, valkey.pid
        async with valkey.client() as client:
            await client.set("key", b"value")
        valkey.kill()
        with pytest.raises(NoConnectionError):
            await valkey.info("server")

        await valkey.start()

        async with valkey.client() as client:
            assert await client.get("key") == b"value"
        assert valkey.port == port
        assert valkey.pid != pid


async def test_a_server_without_a_file_comes_back_empty() -> None:
    async with Valkey() as valkey:
        async with valkey.client() as client:
            await client.set("key", b"value")
        valkey.kill()
        await valkey.start()
        async with valkey.client() as client:
            assert await client.dbsize() == 0


async def test_a_server_that_is_stopped_goes_on_where_it_was(valkey: Valkey) -> None:
    async with valkey.client() as client:
        await client.ping()
        valkey.stop()
        await client.connection_pool.disconnect()
        valkey.cont()
        assert await client.ping()
