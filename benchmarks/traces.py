"""What traces cost: off, at the ratio that is the default, and of everything."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Final

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as stubs

from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.pairs import connected_pairs, open_pairs
from benchmarks.plan import CALLS_IN_PARALLEL, CANDIDATES_PER_SIDE
from benchmarks.rounds import call_cpu, candidate_cpu
from benchmarks.servers import Kind

SECTION: Final = "traces"
_OFF: Final = "off"
_DEFAULT: Final = "one in a hundred"
_RATIOS: Final[Mapping[str, str]] = {"none of them": "0", _DEFAULT: "0.01", "all": "1"}


class _Collector(stubs.TraceServiceServicer):
    """Takes whatever comes, in the process of the load."""

    async def Export(self, _request: Any, _context: Any) -> service.ExportTraceServiceResponse:  # noqa: N802 - the stub's
        return service.ExportTraceServiceResponse()


async def measure(bench: Bench) -> list[Figure]:
    """Return the cost of a candidate and of a call, with traces and without, side by side."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(_collecting())
        candidates, calls = {}, {}
        for name, ratio in {_OFF: None, **_RATIOS}.items():
            variables = {"SIGNALING_OTLP_ENDPOINT": url, "SIGNALING_TRACE_SAMPLE": str(ratio)}
            server = stack.enter_context(
                bench.server(Kind.SERVICE, {} if ratio is None else variables)
            )
            talking = connected_pairs(server.address, CALLS_IN_PARALLEL, numbered=True)
            callers = open_pairs(server.address, CALLS_IN_PARALLEL, numbered=True)
            pairs = await stack.enter_async_context(talking)
            count = bench.plan.candidate_messages // 4
            candidates[name] = partial(candidate_cpu, server, pairs, count, 1)
            pairs = await stack.enter_async_context(callers)
            each = bench.plan.calls_per_pair // 2
            calls[name] = partial(call_cpu, server, pairs, each, CANDIDATES_PER_SIDE)
        # which of so few calls are one in a hundred is chance
        candidates.pop(_DEFAULT)
        one = await bench.alternate("one by one", candidates)
        whole = await bench.alternate("calls", calls)
    return [
        *_figures("one candidate", "µs CPU a candidate", one),
        *_figures("a call", "µs CPU a call", whole),
    ]


@asynccontextmanager
async def _collecting() -> AsyncIterator[str]:
    server = grpc.aio.server()
    add: Any = stubs.add_TraceServiceServicer_to_server  # it has no types
    add(_Collector(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"http://127.0.0.1:{port}"
    await server.stop(None)


def _figures(what: str, unit: str, taken: Mapping[str, list[float]]) -> list[Figure]:
    return [
        Figure(
            section=SECTION,
            name=f"{what}, traced: {name}",
            unit=unit,
            rounds=taken[name],
            compared_with=_OFF,
            compared_rounds=taken[_OFF],
        )
        for name in taken
        if name != _OFF
    ]
