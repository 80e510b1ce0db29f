"""The same messages over both transports: the CPU of a candidate, the memory of a silent stream."""

from contextlib import AsyncExitStack
from functools import partial
from types import MappingProxyType
from typing import Final

from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.idle import kib_per_stream
from benchmarks.pairs import Pair, connected_pairs
from benchmarks.plan import CALLS_IN_PARALLEL, CANDIDATES_PER_MESSAGE
from benchmarks.rounds import candidate_cpu
from benchmarks.servers import Kind

SECTION: Final = "transports"
_SETTINGS: Final = MappingProxyType({"SIGNALING_WEBSOCKET_LISTEN": "127.0.0.1:0"})
_GRPC: Final = "gRPC"
_WEB: Final = "WebSocket"
_MOST_IDLE: Final = 5_000  # each transport has half of the descriptors


async def measure(bench: Bench) -> list[Figure]:
    """Return what a candidate and an idle stream cost over a WebSocket, beside gRPC."""
    return [*await _candidates(bench), *await _idle(bench)]


async def _candidates(bench: Bench) -> list[Figure]:
    """One service, the same calls over one transport and the other, in turns."""
    count = bench.plan.candidate_messages
    async with AsyncExitStack() as stack:
        server = stack.enter_context(bench.server(Kind.SERVICE, _SETTINGS))
        pairs: dict[str, list[Pair]] = {}
        for name, address in ((_GRPC, server.address), (_WEB, server.web_address)):
            opening = connected_pairs(address, CALLS_IN_PARALLEL, numbered=True)
            pairs[name] = await stack.enter_async_context(opening)
        taken = {
            what: await bench.alternate(
                f"{what}, both transports",
                {
                    name: partial(candidate_cpu, server, each, count // per_message, per_message)
                    for name, each in pairs.items()
                },
            )
            for what, per_message in (
                ("one candidate a message", 1),
                ("ten candidates a message", CANDIDATES_PER_MESSAGE),
            )
        }
    return [
        _figure(f"{what}, over WebSocket", "µs CPU a candidate", each[_WEB], each[_GRPC])
        for what, each in taken.items()
    ]


async def _idle(bench: Bench) -> list[Figure]:
    """A service for each transport, with nothing but silent streams."""
    count = min(bench.plan.idle_streams[-1], _MOST_IDLE)
    kib = {}
    for name in (_GRPC, _WEB):
        with bench.server(Kind.SERVICE, _SETTINGS) as server:
            found = await kib_per_stream(bench, server, [count], over_web=name == _WEB)
            kib[name] = found[count]
    title = f"{count:,} idle streams, over WebSocket"
    return [_figure(title, "KiB resident a stream", [kib[_WEB]], [kib[_GRPC]])]


def _figure(name: str, unit: str, rounds: list[float], compared: list[float]) -> Figure:
    return Figure(
        section=SECTION,
        name=name,
        unit=unit,
        rounds=rounds,
        compared_with=_GRPC,
        compared_rounds=compared,
    )
