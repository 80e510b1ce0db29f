"""Streams that break, at one node that does not: what the other fault runs build upon."""

from contextlib import AsyncExitStack

from examples.proxy import proxying
from tests.faults.nodes import Nodes
from tests.faults.profile import SEED
from tests.faults.run import traffic

CUTS = 60
MOST_MESSAGES = 40  # until the next cut


async def test_calls_survive_their_streams() -> None:
    """However often connections are cut, at once or after losing something, no app notices."""
    async with Nodes("memory") as nodes, AsyncExitStack() as stack:
        address = nodes[0].address
        proxies = [await stack.enter_async_context(proxying(address)) for _ in range(3)]
        async with traffic([proxy.address for proxy in proxies], SEED, "streams cut") as calls:
            counts = calls.ledger.counts
            while counts["cuts"] < CUTS:
                await calls.ledger.hears(calls.random.randint(1, MOST_MESSAGES))
                proxy = calls.random.choice(proxies)
                if calls.random.random() < 0.5:
                    proxy.swallow()
                    await calls.ledger.hears(5)
                counts["cuts"] += proxy.cut()
            await calls.new_call(proxies[0].address, proxies[1].address)
        assert counts["fresh"] == len(calls.phones) + 2
        assert counts["sent again"] > 0
        nodes.check_logs()
